// The question before an act: what it will do, to how many, and why. No act happens at the first press.
import { Dialog } from "@base-ui/react/dialog";
import { type ReactNode, useId, useState } from "react";
import { lastReason } from "../data/prefs.ts";
import { errorText } from "./error-text.ts";

export interface Act {
  readonly title: string;
  readonly about: ReactNode;
  /** On the button: a verb, with a number where there is one. */
  readonly verb: string;
  readonly isDangerous?: boolean;
  /** Whether a reason can, or must, be given. */
  readonly reason?: "may" | "must";
  readonly more?: ReactNode;
  readonly run: (reason: string) => Promise<void>;
}

export function ActDialog({ act, close }: { readonly act: Act | undefined; readonly close: () => void }) {
  return (
    <Dialog.Root open={act !== undefined} onOpenChange={(open) => open || close()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog">{act && <Question act={act} close={close} />}</Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Question({ act, close }: { readonly act: Act; readonly close: () => void }) {
  const [reason, setReason] = useState(act.reason === undefined ? "" : lastReason.get());
  const [state, setState] = useState<{ readonly isRunning: boolean; readonly error?: unknown }>({ isRunning: false });
  const id = useId();
  const lacks = act.reason === "must" && reason.trim() === "";
  const run = async () => {
    if (lacks) return;
    setState({ isRunning: true });
    try {
      await act.run(reason.trim());
      if (act.reason !== undefined) lastReason.set(reason.trim());
      close();
    } catch (error) {
      setState({ isRunning: false, error });
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void run();
      }}
      style={{ display: "contents" }}
    >
      <Dialog.Title>{act.title}</Dialog.Title>
      <Dialog.Description render={<div className="soft" />}>{act.about}</Dialog.Description>
      {act.more}
      {act.reason !== undefined && (
        <label htmlFor={id}>
          <span>{act.reason === "must" ? "Reason" : "Reason (may be left out)"}</span>
          <textarea
            id={id}
            className="field"
            rows={2}
            maxLength={1000}
            value={reason}
            onChange={(e) => setReason(e.target.value)}
          />
          <span className="faint">It stands in the events, for those who ask later.</span>
        </label>
      )}
      {state.error !== undefined && (
        <p role="alert" style={{ color: "var(--bad-text)" }}>
          {errorText(state.error)}
        </p>
      )}
      <div className="ends">
        <Dialog.Close className="btn">Leave it</Dialog.Close>
        <button type="submit" className={act.isDangerous ? "btn bad" : "btn first"} disabled={state.isRunning || lacks}>
          {state.isRunning ? "…" : act.verb}
        </button>
      </div>
    </form>
  );
}
