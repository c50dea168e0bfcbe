// What NATS asks of use cases that create: from the raw bytes of a message to the answer. Never throws what a client can cause.
import { headers as names } from "#bus/subjects";
import { limits } from "#config";
import { byNats } from "#domain/actor";
import { Faults } from "#domain/faults";
import { parseJson } from "#domain/values/json";
import { type CloseDeps, closeBatch } from "#intake/close";
import { answerCreate, type CreateDeps } from "#intake/create";
import { answerAdd } from "#intake/grow";
import type { LargeCalls } from "#intake/large/calls";
import type { Asking } from "#intake/large/messages";
import { invalid, type Reply, replyOf } from "#intake/reply";
import { idOf, isNothing, readKey } from "#intake/sent";

/** A large body is dealt with elsewhere. */
export type FromMessage = CreateDeps & { readonly large: LargeCalls };

/** Creates from the raw bytes of a body. Never throws what a client can cause: that is the answer. Its body may be bytes. */
export async function createFromMessage(deps: FromMessage, rawBody: Uint8Array | string, key?: string): Promise<Reply> {
  return answerOf(async (faults) => {
    const asking = byMessage(readKey(names.msgId, key, faults));
    if (rawBody.length > limits.largeBodyBytes) return deps.large.create(Buffer.from(rawBody), asking, faults);
    return answerCreate(deps, { body: parseJson(rawBody, "bareTasks", faults), bytes: rawBody.length, faults }, asking);
  });
}

/** Who asks by a message. */
const byMessage = (key: string | undefined): Asking => ({
  ...{ actor: byNats, role: "operate", isRehearsal: false, key },
});

/** What a client can cause becomes the answer; throws what is a fault of ours. */
export async function answerOf(act: (faults: Faults) => Promise<Reply>): Promise<Reply> {
  try {
    return await act(new Faults());
  } catch (error) {
    const answer = replyOf(error);
    if (answer.status === 500) throw error;
    return answer;
  }
}

/** Adds from a message: the raw bytes of a body. Never throws what a client can cause: that is the answer. */
export const addFromMessage = (
  deps: FromMessage,
  batch: string,
  rawBody: Uint8Array | string,
  key?: string,
): Promise<Reply> =>
  answerOf(async (faults) => {
    const asking = byMessage(readKey(names.msgId, key, faults));
    const target = { batch: idOf(batch), task: null } as const;
    if (rawBody.length > limits.largeBodyBytes) return deps.large.add(target, Buffer.from(rawBody), asking, faults);
    return answerAdd(
      deps,
      target,
      { body: parseJson(rawBody, "bareTasks", faults), bytes: rawBody.length, faults },
      asking,
    );
  });

/** The same for closing it. */
export const closeFromMessage = (
  deps: CloseDeps,
  batch: string,
  rawBody: Uint8Array | string,
  key?: string,
): Promise<Reply> =>
  answerOf(async (faults) => {
    const own = readKey(names.msgId, key, faults);
    if (rawBody.length > 0 && !isNothing(parseJson(rawBody, false)))
      faults.add([], "unknown_field", "this call takes no body");
    return faults.none ? closeBatch(deps, idOf(batch), byNats, own) : invalid(faults);
  });
