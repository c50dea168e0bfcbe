// The payload of a message on `subjects.progress`, which only our own door sends: many updates under one id, so that one row in
// Postgres makes them all count once. An update of a client's own key has an id of its own, whatever message brings it.
//
//   {"id": "<uuid>", "updates": [["<task>", 1, 0], ["<task>", 0, 2, "<id>"]]}
import type { Progress } from "#domain/command";
import { isUuid } from "#domain/schema/text";

export interface ProgressMessage {
  readonly id: string;
  readonly updates: readonly Progress[];
}

/** One of `updates`, as it is sent. A task is a UUID in lower case: it needs no escapes. */
export const textOf = ({ task, success, failures, id }: Progress): string =>
  `["${task}",${success},${failures}${id === undefined ? "" : `,${JSON.stringify(id)}`}]`;

/** Of some updates in the form of `textOf`. */
export const payloadOf = (id: string, texts: readonly string[]): string => `{"id":"${id}","updates":[${texts.join()}]}`;

/** Null where it is none. */
export function readPayload(text: string): ProgressMessage | null {
  try {
    const { id, updates } = JSON.parse(text) as { id: unknown; updates: unknown };
    if (typeof id !== "string" || !isUuid(id) || !Array.isArray(updates) || !updates.every(isUpdate)) return null;
    return { id, updates: updates.map(([task, success, failures, own]) => ({ task, success, failures, id: own })) };
  } catch {
    return null;
  }
}

type Sent = readonly [task: string, success: number, failures: number, id?: string];

function isUpdate(sent: unknown): sent is Sent {
  if (!Array.isArray(sent) || sent.length > 4) return false;
  const [task, success, failures, id] = sent as unknown[];
  return isUuid(task) && isCount(success) && isCount(failures) && (id === undefined || typeof id === "string");
}

const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
