// Which commands must not take effect twice, and under which id their answer is kept: the guard against redelivery and
// the idempotency key, in one. A command whose repetition changes nothing needs no memory.
import { createHash } from "node:crypto";
import type { Item } from "#actor/mailbox";
import type { Scene } from "#actor/scene";
import type { Answer, ClientCommand } from "#domain/command";

export interface Memo {
  readonly id: string;
  readonly target: string;
  /** Of what was asked, where the client chose the key: the same key with another body is refused. */
  readonly hash: string | null;
}

export function memoOf(item: Item, scene: Scene): Memo | null {
  if (item.from !== "client") return null;
  const { command } = item;
  if (command.key !== undefined) {
    const asked = JSON.stringify([command.verb, command.attempt ?? null, command.fields ?? command.rules ?? null]);
    return { ...named(command, command.key), hash: createHash("sha256").update(asked).digest("base64url") };
  }
  const { verb, fields } = command;
  const counts = fields?.new_success !== undefined || fields?.new_failures !== undefined;
  // An update is not: coming again, it may undo a later one.
  const harmless = (verb === "succeed" || (verb === "fail" && !scene.rows.get(command.target)?.retry)) && !counts;
  return harmless ? null : { ...named(command, command.id), hash: null };
}

const named = ({ target }: ClientCommand, by: string) => ({ id: `${target}:${by}`, target });

/** The answer that this command, or another under the same key, was given before. */
export function answerBefore(scene: Scene, memo: Memo): Answer | null {
  const before = scene.memos.get(memo.id);
  if (!before) return null;
  if (before.hash === memo.hash) return before.answer as Answer;
  return { status: 422, id: memo.target, error: "This idempotency key was used with another request" };
}

export function remember(scene: Scene, memo: Memo, answer: Answer): void {
  if (answer.status === 404) return;
  const { id, hash } = memo;
  scene.answers.push({ id, hash, answer });
  scene.memos.set(id, { hash, answer });
}
