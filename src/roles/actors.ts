// Wires what decides in a worker: the turns, and the work in portions. Wiring only; nothing is decided here.
import * as Effect from "effect/Effect";
import type { Mailbox } from "#actor/mailbox";
import { WorkLoop } from "#actor/portions/work-loop";
import { Worker } from "#actor/worker";
import type { CommandSource } from "#bus/commands/commands";
import { setAside } from "#bus/dead";
import { subjects } from "#bus/subjects";
import type { Config } from "#config";
import { workerActor } from "#domain/actor";
import { probeMsOf } from "#domain/calls/circuit-step";
import type { Part } from "#domain/portions/part";
import { uuidv7 } from "#domain/values/uuid";
import type { ClaimTrigger } from "#flow/claim-trigger";
import type { openCalls } from "#roles/calls";
import { type Basics, type Grace, held } from "#roles/scope";

interface Acting {
  readonly mailbox: Mailbox;
  readonly calls: ReturnType<typeof openCalls>;
  readonly dispatcher: ClaimTrigger;
  readonly armed: (at: Date) => void;
  /** The id of this process; null: it is not registered yet. */
  readonly self: () => number | null;
  readonly commands: Pick<CommandSource, "flush" | "setAside" | "reply">;
}

/** Turns end after all commands that wait are decided, portions after the one under way. */
export const openActors = ({ config, db, bus, log }: Basics, { inTime, over }: Grace, acting: Acting) =>
  Effect.gen(function* () {
    const { mailbox, calls, dispatcher, armed, self, commands } = acting;
    const env = envOf(config);
    const envNow = () => {
      const id = self();
      return id === null ? null : { ...env, actor: workerActor(id) };
    };
    const worker: Worker = new Worker({
      ...{ db, mailbox, log, slots: calls.callSlots, trigger: dispatcher },
      claimsMax: config.workerStartBatchSize,
      self: () => {
        const [id, own] = [self(), envNow()];
        return id === null || own === null ? null : { id, env: own };
      },
      effects: {
        start: (claimed) => {
          if (claimed.isProbe) calls.circuits.changed();
          calls.starter.start(claimed);
        },
        flush: () => commands.flush(),
        deadLetter: (item, reason) => item.from === "client" && commands.setAside(item.command, reason),
        ready: () => dispatcher.look(),
        armed,
        opens: dispatcher.opens,
        deliveries: () => calls.deliverer.nudge(),
        works: (batches) => works.nudge(batches),
        ended: (ended) => void works.answer(ended),
      },
    });
    const works: WorkLoop = new WorkLoop({
      ...{ db, log, env: envNow },
      reply: (to, answer) => commands.reply(to, answer),
      follow: (state) => worker.followChanges(state),
      deadLetter: (batch, part, reason) => setAside(bus, letterOf(batch, part), reason, log),
    });
    yield* held(
      () => worker.start(),
      () => worker.stop(over()),
    );
    yield* held(
      () => works.start(),
      () => inTime(works.stop()),
    );
    return worker;
  });

/** A sweep or a step of propagation that always failed, as a message. */
const letterOf = (batch: string, part: Part) => ({
  subject: "sweep" in part ? subjects.batchOf(batch, part.kind) : subjects.taskOf(part.step.taskId, "propagate"),
  data: JSON.stringify(
    "sweep" in part
      ? { batch_id: batch, work: part.kind }
      : { batch_id: batch, task_id: part.step.taskId, work: "propagation", step: part.step.step },
  ),
});

const envOf = (config: Config) => ({
  leaseMs: config.workerClaimTimeoutSecs * 1000,
  probeMs: probeMsOf(config),
  deadEnds: config.deadEndCancelEnabled,
  startRetryMs: config.startRetrySecs * 1000,
  random: Math.random,
  newId: () => uuidv7(Date.now()),
});
