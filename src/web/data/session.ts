// Who looks: the client of the API that served this page, and the token that it wants, kept until the tab is closed.
import { BatonRefused, type Client, connect, type WhoAmI } from "../../sdk/client.ts";
import { makeStore } from "./store.ts";

/** The address of the API, also behind a proxy with a path of its own: scripts lie in `<root>view/assets/`. */
export const root = new URL(/* @vite-ignore */ "../../", import.meta.url);
/** Where the router begins. */
export const basePath = `${root.pathname}view`;

const kept = "baton.token";
const readToken = (): string | undefined => sessionStorage.getItem(kept) ?? undefined;

let client: Client = connect(root.href, { token: readToken() });

/** The SDK's client: everything that the console asks goes through it. */
export const baton = (): Client => client;
export const token = readToken;

export function keepToken(text: string): void {
  sessionStorage.setItem(kept, text);
  client = connect(root.href, { token: text });
}

export function dropToken(): void {
  sessionStorage.removeItem(kept);
  client = connect(root.href);
}

/** Who the server says we are; null: it wants a token; undefined: it has not been asked. */
export const whoami = makeStore<WhoAmI | null | undefined>(undefined);

/** Every failed question comes by here, so that one that is refused for its token brings up the prompt, whoever asked. */
export function noteRefusal(error: unknown): void {
  if (error instanceof BatonRefused && error.status === 401) whoami.set(null);
}

export const mayOperate = (who: WhoAmI | null | undefined): boolean => who?.role === "operate";
export const maySubmit = (who: WhoAmI | null | undefined): boolean => who?.role === "operate" || who?.role === "submit";
