// Wires a worker: mailboxes in, turns, and what follows a commit. Wiring only; nothing is decided here.
import { setTimeout as pause } from "node:timers/promises";
import { Mailbox } from "#actor/mailbox";
import { WorkLoop } from "#actor/portions/work-loop";
import { Worker } from "#actor/worker";
import type { Bus } from "#bus/client";
import { timeOfNats } from "#bus/clock";
import type { CommandSource } from "#bus/commands/commands";
import { setAside } from "#bus/dead";
import { openEventStream } from "#bus/events";
import { listenForWork, WorkNotifier } from "#bus/notifications/work";
import { subjects } from "#bus/subjects";
import type { Config } from "#config";
import { workerActor } from "#domain/actor";
import { probeMsOf } from "#domain/calls/circuit-step";
import type { Part } from "#domain/portions/part";
import { uuidv7 } from "#domain/values/uuid";
import { ClaimTrigger } from "#flow/claim-trigger";
import { LargeCalls } from "#intake/large/calls";
import { openBulk } from "#roles/bulk";
import { openCalls } from "#roles/calls";
import { openIntake } from "#roles/intake";
import { openSchedules } from "#roles/schedules";
import { selfOf } from "#roles/self";
import { openTimers } from "#roles/timers";
import { timeOfPostgres } from "#store/pg/clock";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { lagMeter } from "#telemetry/metrics";
import { Leases } from "#timers/leases";
import { EventRelay } from "#timers/relay";
import { ClockSkew } from "#timers/skew";

export interface Running {
  /** No new work; in-flight work is finished or handed back. Ends within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export function startWorker(config: Config, db: Db, bus: Bus, log: Logger): Running {
  const mailbox = new Mailbox();
  const tell = mailbox.tell.bind(mailbox);
  const notifier = new WorkNotifier(bus);
  const lag = lagMeter();
  const relay = new EventRelay({ db, log, stream: openEventStream(bus, config.hostUrl), self: () => leases.id });
  const figures = () => ({ callsOpen: calls.open(), lagMs: lag(), skewMs: -skew.toPostgresMs(0) });
  const leases: Leases = new Leases({
    ...{ db, log, tell, figures, self: selfOf(config) },
    isWaiting: mailbox.isWaiting.bind(mailbox),
    leaseSecs: config.workerClaimTimeoutSecs,
    sweepMs: config.workerLoopIntervalMs,
    held: () => worker.held,
    onGood: () => dispatcher.look(),
  });
  const calls = openCalls(config, db, bus, { tell, mayStart: leases.mayStart, look: () => dispatcher.look() }, log);
  const { callSlots, deliverer } = calls;
  const hasCapacity = () => callSlots.free() > 0;
  const dispatcher: ClaimTrigger = new ClaimTrigger({
    nudge: () => mailbox.nudge("task"),
    ...{ mayStart: leases.good, hasCapacity, notify: () => notifier.notify() },
  });
  const skew = new ClockSkew({ nats: () => timeOfNats(bus), postgres: () => timeOfPostgres(db), log });
  const timers = openTimers(config, db, bus, { mailbox, skew, look: () => dispatcher.look() }, log);
  const created = (firstDelayMs?: number) => {
    dispatcher.look();
    notifier.notify();
    if (firstDelayMs !== undefined) timers.armed(new Date(Date.now() + firstDelayMs));
  };
  const large = new LargeCalls({ config, db, commands: { notifyWork: created }, log });
  const schedules = openSchedules(config, db, bus, { mailbox, large, created }, log);

  const { worker, works } = openActors(config, db, bus, log, {
    ...{ mailbox, calls, dispatcher, timers },
    self: () => leases.id,
    commands: () => intake.commands,
  });
  callSlots.onFree(() => dispatcher.freed());
  const follow = { signaled: () => dispatcher.look(), armed: timers.armed, due: () => deliverer.nudge() };
  const intake = openIntake(config, db, bus, { mailbox, skew, ...follow }, log);
  const notifications = listenForWork({
    bus,
    hasCapacity: () => hasCapacity() && leases.good(),
    look: () => dispatcher.look(),
    log,
  });
  const bulk = openBulk(config, db, bus, { mailbox, replay: intake.replay, created, large }, log);
  worker.start();
  works.start();

  return {
    async stop(graceMs) {
      const giveUp = pause(graceMs, undefined, { ref: false });
      const inTime = (work: Promise<unknown>) => Promise.race([work, giveUp]);
      worker.stopClaiming();
      notifications.stop();
      dispatcher.stop();
      // A portion may wait for a batch that somebody holds locked: calls are drained meanwhile.
      const portioned = bulk.stop();
      await inTime(Promise.all([intake.stop(), timers.stop(), schedules.stop()]));
      await inTime(Promise.all([calls.drain(), intake.idle()]));
      await inTime(portioned);
      await large.close();
      await inTime(works.stop());
      await worker.stop(giveUp);
      await inTime(calls.settled());
      intake.close();
      await Promise.race([lastWord(leases, relay), pause(lastWordMs, undefined, { ref: false })]);
      await calls.close();
    },
  };
}

interface Acting {
  readonly mailbox: Mailbox;
  readonly calls: ReturnType<typeof openCalls>;
  readonly dispatcher: ClaimTrigger;
  readonly timers: ReturnType<typeof openTimers>;
  /** The id of this process; null: it is not registered yet. */
  readonly self: () => number | null;
  readonly commands: () => CommandSource;
}

/** What decides: the turns, and the work in portions. */
function openActors(
  config: Config,
  db: Db,
  bus: Bus,
  log: Logger,
  acting: Acting,
): { worker: Worker; works: WorkLoop } {
  const { mailbox, calls, dispatcher, timers, self, commands } = acting;
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
      flush: () => commands().flush(),
      deadLetter: (item, reason) => item.from === "client" && commands().setAside(item.command, reason),
      ready: () => dispatcher.look(),
      armed: (at) => timers.armed(at),
      opens: dispatcher.opens,
      deliveries: () => calls.deliverer.nudge(),
      works: (batches) => works.nudge(batches),
      ended: (ended) => void works.answer(ended),
    },
  });
  const works = new WorkLoop({
    ...{ db, log, env: envNow },
    reply: (to, answer) => commands().reply(to, answer),
    follow: (state) => worker.followChanges(state),
    deadLetter: (batch, part, reason) => setAside(bus, letterOf(batch, part), reason, log),
  });
  return { worker, works };
}

/** A sweep or a step of propagation that always failed, as a message. */
const letterOf = (batch: string, part: Part) => ({
  subject: "sweep" in part ? subjects.batchOf(batch, part.kind) : subjects.taskOf(part.step.taskId, "propagate"),
  data: JSON.stringify(
    "sweep" in part
      ? { batch_id: batch, work: part.kind }
      : { batch_id: batch, task_id: part.step.taskId, work: "propagation", step: part.step.step },
  ),
});

/** Saying goodbye to Postgres may take so long beyond the grace. */
const lastWordMs = 1_000;

async function lastWord(leases: Leases, relay: EventRelay): Promise<void> {
  await Promise.all([relay.stop(), leases.stop()]);
  await leases.resign();
}

const envOf = (config: Config) => ({
  leaseMs: config.workerClaimTimeoutSecs * 1000,
  probeMs: probeMsOf(config),
  deadEnds: config.deadEndCancelEnabled,
  startRetryMs: config.startRetrySecs * 1000,
  random: Math.random,
  newId: () => uuidv7(Date.now()),
});
