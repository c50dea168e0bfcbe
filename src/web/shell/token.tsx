// Asked for a token by the API, the console asks for one. It is kept until the tab is closed, and never in an address.
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { reconnect } from "../data/live/live.ts";
import { baton, dropToken, keepToken, token, whoami } from "../data/session.ts";
import { errorText } from "../parts/error-text.ts";

export function TokenPrompt() {
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const [said, setSaid] = useState(token() === undefined ? "" : "The token that was kept is not valid any more.");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    keepToken(text.trim());
    try {
      const who = await baton().whoami();
      queries.clear();
      whoami.set(who);
      reconnect();
    } catch (error) {
      dropToken();
      setSaid(
        (error as { status?: number }).status === 401 ? "This is no token of this installation." : errorText(error),
      );
    }
  };
  return (
    <main className="empty" style={{ minHeight: "100dvh", justifyContent: "center" }}>
      <h1>Baton</h1>
      <p>This installation wants a token. It is kept until you close the tab.</p>
      <form className="row" onSubmit={(event) => void submit(event)}>
        <input
          className="field"
          type="password"
          autoComplete="off"
          aria-label="Token"
          value={text}
          onChange={(event) => setText(event.target.value)}
          // biome-ignore lint/a11y/noAutofocus: nothing else can be done here.
          autoFocus
        />
        <button type="submit" className="btn first" disabled={text.trim() === ""}>
          Go on
        </button>
      </form>
      <p role="alert" style={{ color: "var(--bad-text)", minHeight: 20 }}>
        {said}
      </p>
    </main>
  );
}
