// Large batches, in a thread of their own: the same code as for every other one, up to the bytes of the answer, with connections
// that are borrowed from the pool of the process.
import { parentPort, workerData } from "node:worker_threads";
import type { Config } from "#config";
import { makePolicy } from "#domain/calls/guard";
import { Unavailable } from "#domain/errors";
import { Faults } from "#domain/faults";
import { parseJson } from "#domain/values/json";
import { answerOf } from "#intake/by-message";
import { answerCreate, type CreateDeps } from "#intake/create";
import { answerAdd } from "#intake/grow";
import type { FromThread, LargeCall, ToThread } from "#intake/large/messages";
import { type Reply, reply } from "#intake/reply";
import { answerRerun } from "#intake/rerun";
import { makeDue } from "#intake/schedules/make";
import { runSchedule } from "#intake/schedules/run";
import { type Borrow, openBorrowed } from "#store/pg/lent";
import { makeLogger } from "#telemetry/log";

const config = workerData as Config;
const server = parentPort as NonNullable<typeof parentPort>;
const say = (message: FromThread, transfer: readonly ArrayBuffer[] = []) => server.postMessage(message, transfer);

const loans = new Map<number, { readonly begin: () => void; readonly refuse: (error: Unavailable) => void }>();
let lastLoan = 0;

const borrow: Borrow = (timeoutMs, work) => {
  const id = ++lastLoan;
  return new Promise((resolve, reject) => {
    const begin = () =>
      work((pid) => say({ type: "opened", id, pid }))
        .then(resolve, reject)
        .finally(() => {
          loans.delete(id);
          say({ type: "returned", id });
        });
    loans.set(id, { begin, refuse: reject });
    say({ type: "borrow", id, timeoutMs });
  });
};

const deps: CreateDeps = {
  config,
  policy: makePolicy(config),
  db: openBorrowed(config, borrow, makeLogger(config, "baton")),
  commands: { notifyClaims: (firstDelayMs) => say({ type: "created", firstDelayMs }) },
};

async function answer({ id, call }: ToThread & { readonly type: "call" }): Promise<void> {
  try {
    const reply = await replyTo(call);
    const text = reply.body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(reply.body));
    const { status, headers } = reply;
    say({ type: "answer", id, status, headers, body: text }, text ? [text.buffer] : []);
  } catch (error) {
    const { message, stack = "" } = error as Error;
    say({ type: "failure", id, message, stack });
  }
}

const replyTo = (call: LargeCall): Promise<Reply> =>
  answerOf(async () => {
    if (call.what === "rerun") return answerRerun(deps, call);
    if (call.what === "run") return runSchedule(deps, call);
    if (call.what === "make") return reply(200, await makeDue(deps, [call.schedule]));
    const { body, asking, found } = call;
    const bytes = body.byteLength;
    const faults = new Faults(found);
    const sent = { body: parseJson(body, "bareTasks", faults), bytes, faults };
    // What was read already would be kept until the answer is there, which is most of the time and of the memory.
    (body.buffer as ArrayBuffer).transfer(0);
    if (call.what === "add") return answerAdd(deps, call.target, sent, asking);
    const answering = answerCreate(deps, sent, asking);
    sent.body = undefined;
    return answering;
  });

server.on("message", (message: ToThread) => {
  if (message.type === "call") void answer(message);
  else if (message.type === "lent") loans.get(message.id)?.begin();
  else loans.get(message.id)?.refuse(new Unavailable(message.reason));
});
