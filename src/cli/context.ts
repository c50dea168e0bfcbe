// What every command works with: the client, the terminal, whether people or programs read; and how it ends.
import { type Client, connect } from "../sdk/client.ts";
import { Mistake, urlOf } from "./arguments.ts";
import { openTerminal, type Terminal } from "./screen/terminal.ts";

/** How a command ends. `cannot`: wrongly called, refused, or nobody answers. */
export const exits = { success: 0, failure: 1, cannot: 2, canceled: 3, interrupted: 130 } as const;

export interface Settings {
  readonly url: string;
  readonly token?: string;
  /** The profile that the two are of. */
  readonly profile?: string;
  readonly json?: boolean;
  readonly plain?: boolean;
}

export interface Context {
  readonly baton: Client;
  readonly terminal: Terminal;
  readonly json: boolean;
  /** Prints `value` for programs, or `lines` for people. */
  show(value: unknown, lines: () => readonly string[]): void;
}

export function contextOf({ url, token, json = false, plain = false }: Settings): Context {
  const terminal = openTerminal(process.stdout, plain || json);
  return {
    baton: connect(urlOf("url", url), { token }),
    terminal,
    json,
    show(value, lines) {
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
      else for (const line of lines()) terminal.print(line);
    },
  };
}

export type Thing = { readonly type: "task" | "batch"; readonly id: string };

/** Less than this is never enough: ids begin with the time. */
const idCharsMin = 13;
const shortIdChars = 18;

/** As tables show an id, and as every command takes it: its beginning. */
export const shortId = (id: string): string => id.slice(0, shortIdChars);

/** The task or batch of an id, or of the beginning of one. `type`: only such a one will do. */
export async function thingOf(baton: Client, id: string, type?: Thing["type"]): Promise<Thing> {
  if (!/^[0-9a-f-]{13,36}$/i.test(id))
    throw new Mistake(
      `"${id}" is no id: it takes a whole one, or its first ${idCharsMin} characters or more\nTry: baton list`,
    );
  const found = (await baton.search(id)).filter((one) => one.id.startsWith(id.toLowerCase()));
  const fitting = type === undefined ? found : found.filter((one) => one.type === type);
  const [one, ...more] = fitting;
  if (one && more.length === 0) return { type: one.type, id: one.id };
  if (one)
    throw new Mistake(
      `"${id}" is the beginning of ${fitting.length} ids: give more of it\nTry: baton list, or baton list tasks`,
    );
  const [other] = found;
  if (other) throw new Mistake(`${id} is a ${other.type}, and this takes a ${type}\nTry: baton get ${id}`);
  throw new Mistake(
    `there is no ${type ?? "task or batch"} with the id ${id}\nTry: baton list${type === "task" ? " tasks" : ""}`,
  );
}

/** The same where only a batch, or only a task, will do. */
export const idOf = async (baton: Client, id: string, type: Thing["type"]): Promise<string> =>
  (await thingOf(baton, id, type)).id;

/**
 * The id of something that the search does not find, of its beginning: by a walk over its listing. `what`: as it is called, and how it
 * is listed.
 */
export async function idAmong(
  rows: AsyncIterable<string>,
  id: string,
  [what, listing]: readonly [string, string],
): Promise<string> {
  if (/^[0-9a-f-]{36}$/i.test(id)) return id;
  const found: string[] = [];
  if (/^[0-9a-f-]{8,35}$/i.test(id))
    for await (const one of rows) if (one.startsWith(id.toLowerCase()) && found.push(one) > 1) break;
  const [one, ...more] = found;
  if (one !== undefined && more.length === 0) return one;
  throw new Mistake(
    one === undefined
      ? `there is no ${what} with the id ${id}\nTry: ${listing}`
      : `"${id}" is the beginning of several ids: give more of it\nTry: ${listing}`,
  );
}
