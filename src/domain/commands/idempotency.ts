// Which commands must not take effect twice, and under which id their answer is remembered. One mechanism serves redelivery and
// `Idempotency-Key`. A command whose repetition changes nothing is not remembered. A refusal does not use up a
// client's key: it is kept for the redelivery of the same command alone.
import { createHash } from "node:crypto";
import { type Answer, type ClientCommand, type DeliveryCommand, keyReusedAnswer } from "#domain/command";
import type { TaskRow } from "#domain/row";
import type { Item } from "#domain/turn/items";
import type { Answered } from "#domain/turn/rows";
import { canonicalJson } from "#domain/values/json";

export interface CommandKey {
  readonly id: string;
  /** Of this very command, whatever its key: the same as `id` where the client chose none. */
  readonly own: string;
  readonly target: string;
  /** Of what was asked, where the client chose the key: the same key with another body is refused. */
  readonly hash: string | null;
}

/** Null: a repetition changes nothing. */
export function keyOf(item: Item, state: { readonly rows: ReadonlyMap<string, TaskRow> }): CommandKey | null {
  if (item.from === "local") return null;
  const { command } = item;
  const { verb, fields, attempt, rules, override, reason } = command;
  const asked = fields ?? rules ?? override ?? null;
  if (command.key !== undefined)
    return keyFor(command, [verb, attempt ?? null, asked, ...(reason === undefined ? [] : [reason])]);
  const counts = fields?.new_success !== undefined || fields?.new_failures !== undefined;
  // Except an update: if it came again, it could undo a later one.
  const ends = verb === "succeed" || verb === "skip" || (verb === "fail" && !state.rows.get(command.target)?.retry);
  const harmless = ends && !counts;
  return harmless ? null : keyFor(command, []);
}

/** The key under which a command is remembered. `asked`: everything that would make it a different request. */
export function keyFor(command: ClientCommand | DeliveryCommand, asked: readonly unknown[]): CommandKey {
  const { id, target, verb, key } = command;
  const own = `${target}:${id}`;
  if (key === undefined) return { id: own, own, target, hash: null };
  const hash = createHash("sha256").update(canonicalJson(asked)).digest("base64url");
  // A client's key belongs to its method and path: all that a PATCH asks of a task shares them, every other verb has its own.
  return { id: `${target}:${patchVerbs.has(verb) ? "patch" : verb}:${key}`, own, target, hash };
}

const patchVerbs: ReadonlySet<string> = new Set(["succeed", "fail", "skip", "update"]);

interface Remembered {
  readonly hash: string | null;
  readonly answer: unknown;
}

/** Under which ids the answer to a command may be remembered. */
export const idsOf = ({ id, own }: CommandKey): readonly string[] => (id === own ? [id] : [id, own]);

/**
 * The answer that this command, or another under the same key, was given before. `isSame`: to the same request, and its work
 * may go on. Otherwise it is a refusal: of this very command, or because its key stands for another request.
 */
export function answerBefore(
  remembered: ReadonlyMap<string, Remembered>,
  key: CommandKey,
): { readonly answer: Answer; readonly isSame: boolean } | null {
  const refusal = key.own === key.id ? undefined : remembered.get(key.own);
  if (refusal) return { answer: refusal.answer as Answer, isSame: false };
  const before = remembered.get(key.id);
  if (!before) return null;
  if (before.hash === key.hash) return { answer: before.answer as Answer, isSame: true };
  return { answer: keyReusedAnswer(key.target), isSame: false };
}

/** An answer to be written, by the id it is remembered under. */
export interface RememberedAnswer {
  readonly id: string;
  readonly hash: string | null;
  readonly answer: Answer;
  /** The work in portions that the final answer waits for. */
  batchId: string | null;
  seq: number | null;
}

export function remember(
  state: { readonly answers: RememberedAnswer[]; readonly remembered: Map<string, Answered> },
  key: CommandKey,
  answer: Answer,
): void {
  if (answer.status === 404) return;
  const { id, hash } = answer.status < 300 ? key : { id: key.own, hash: null };
  const kept = { id, hash, answer, batchId: null, seq: null };
  state.answers.push(kept);
  state.remembered.set(id, kept);
}
