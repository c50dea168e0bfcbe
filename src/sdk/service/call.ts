// A call as every server can read it, and what is answered to it.
import { type CallHeaders, headerOf } from "../verify.ts";

export interface Call {
  readonly headers: CallHeaders;
  /** With or without a host. */
  readonly url: string;
  /** As it came: the signature is over these bytes. */
  readonly body: Uint8Array;
}

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface CallBody {
  /** As the user wrote it into the action. */
  readonly body: unknown;
  /** What Baton added. */
  readonly baton: Readonly<Record<string, unknown>>;
}

/** Undefined: it is no JSON. A text stays one where its type says so. */
export function bodyOf({ headers, body }: Call): CallBody | undefined {
  const text = new TextDecoder().decode(body);
  if (text === "") return { body: undefined, baton: {} };
  const type = headerOf(headers, "content-type");
  if (type !== "" && !/[/+]json\s*(;|$)/i.test(type)) return { body: text, baton: {} };
  try {
    const read = JSON.parse(text);
    if (typeof read !== "object" || read === null || Array.isArray(read)) return { body: read, baton: {} };
    const { baton, ...own } = read;
    return { body: own, baton: typeof baton === "object" && baton !== null ? baton : {} };
  } catch {
    return undefined;
  }
}
