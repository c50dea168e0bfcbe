// The payload of a message on `subjects.progress`, which only our own API sends: many updates under one id, so that one row in
// Postgres makes them all count once. An update of a client's own key has an id of its own, whatever message brings it.
//
//   {"id": "<uuid>", "updates": [["<task>", 1, 0], ["<task>", 0, 2, <attempt or null>, "<id>"], [.., 1, "<id>", true]]}
//
// The last is true where the client named the attempt itself. Where Postgres was away, `"unseen": [<position>, ..]` says which of
// the updates were accepted without a look at their task.
import type { Progress } from "#domain/command";
import { isUuid } from "#domain/schema/text";

export interface ProgressMessage {
  readonly id: string;
  readonly updates: readonly Progress[];
}

/** One of `updates`, as it is sent. A task is a UUID in lower case: it needs no escapes. */
export const textOf = ({ task, success, failures, attempt, id, named }: Progress): string => {
  const own = id === undefined ? [] : [JSON.stringify(id), ...(named === true ? ["true"] : [])];
  const more = id === undefined && attempt === undefined ? [] : [attempt ?? "null", ...own];
  return `[${[`"${task}"`, success, failures, ...more].join()}]`;
};

/** Of some updates in the form of `textOf`. */
export const payloadOf = (id: string, texts: readonly string[], unseen: readonly number[] = []): string =>
  `{"id":"${id}","updates":[${texts.join()}]${unseen.length > 0 ? `,"unseen":[${unseen.join()}]` : ""}}`;

/** Null where it is none. */
export function readPayload(text: string): ProgressMessage | null {
  try {
    const { id, updates, unseen = [] } = JSON.parse(text) as { id: unknown; updates: unknown; unseen?: unknown };
    if (typeof id !== "string" || !isUuid(id) || !Array.isArray(updates) || !updates.every(isUpdate)) return null;
    if (!Array.isArray(unseen)) return null;
    const positions = new Set<unknown>(unseen);
    return {
      id,
      updates: updates.map(([task, success, failures, attempt, own, named], position) => ({
        ...{ task, success, failures, id: own, named },
        ...{ attempt: attempt ?? undefined, unseen: positions.has(position) },
      })),
    };
  } catch {
    return null;
  }
}

type Sent = readonly [
  task: string,
  success: number,
  failures: number,
  attempt?: number | null,
  id?: string,
  named?: boolean,
];

function isUpdate(sent: unknown): sent is Sent {
  if (!Array.isArray(sent) || sent.length > 6) return false;
  const [task, success, failures, attempt, id, named] = sent as unknown[];
  if (!isUuid(task) || !isCount(success) || !isCount(failures)) return false;
  if (named !== undefined && typeof named !== "boolean") return false;
  return (
    (attempt === undefined || attempt === null || isCount(attempt)) && (id === undefined || typeof id === "string")
  );
}

const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
