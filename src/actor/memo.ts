// Which commands must not take effect twice, and under which id their answer is kept: the guard against redelivery and
// the idempotency key, in one. A command whose repetition changes nothing needs no memory.
import { createHash } from "node:crypto";
import type { Item } from "#actor/mailbox";
import type { Scene } from "#actor/scene";
import type { Answer, ClientCommand, DeliveryCommand } from "#domain/command";

export interface Memo {
  readonly id: string;
  readonly target: string;
  /** Of what was asked, where the client chose the key: the same key with another body is refused. */
  readonly hash: string | null;
}

export function memoOf(item: Item, scene: Scene): Memo | null {
  if (item.from !== "client") return null;
  const { command } = item;
  const { verb, fields, attempt, rules } = command;
  if (command.key !== undefined) return memoFor(command, [verb, attempt ?? null, fields ?? rules ?? null]);
  const counts = fields?.new_success !== undefined || fields?.new_failures !== undefined;
  // An update is not: coming again, it may undo a later one.
  const harmless = (verb === "succeed" || (verb === "fail" && !scene.rows.get(command.target)?.retry)) && !counts;
  return harmless ? null : memoFor(command, []);
}

/** Under what a command is remembered that must not take effect twice. `asked`: all that makes it another request. */
export function memoFor({ id, target, key }: ClientCommand | DeliveryCommand, asked: readonly unknown[]): Memo {
  if (key === undefined) return { id: `${target}:${id}`, target, hash: null };
  const hash = createHash("sha256").update(JSON.stringify(asked)).digest("base64url");
  return { id: `${target}:${key}`, target, hash };
}

/** The answer that this command, or another under the same key, was given before. */
export function answerBefore({ memos }: Pick<Scene, "memos">, memo: Memo): Answer | null {
  const before = memos.get(memo.id);
  if (!before) return null;
  if (before.hash === memo.hash) return before.answer as Answer;
  return { status: 422, id: memo.target, error: "This idempotency key was used with another request" };
}

export function remember(scene: Pick<Scene, "answers" | "memos">, memo: Memo, answer: Answer): void {
  if (answer.status === 404) return;
  const { id, hash } = memo;
  scene.answers.push({ id, hash, answer });
  scene.memos.set(id, { hash, answer });
}
