// Wires a worker: mailboxes in, turns, and what follows a commit. Wiring only; nothing is decided here.
import { hostname } from "node:os";
import { Counters } from "#actor/counters";
import { DeliveryActor } from "#actor/deliveries";
import { type LocalCommand, Mailbox } from "#actor/mailbox";
import { Worker } from "#actor/worker";
import { appliedUntil } from "#bus/applied";
import type { Bus } from "#bus/client";
import { takeCommands } from "#bus/commands";
import { Bell } from "#bus/door";
import { takeProgress } from "#bus/progress";
import { onTimerArmed } from "#bus/timer";
import { makeWork } from "#bus/work";
import { type Config, limits } from "#config";
import { listenToBell } from "#dispatch/bell";
import { Dispatcher } from "#dispatch/dispatcher";
import type { Progress } from "#domain/command";
import { uuidv7 } from "#domain/uuid";
import { openCircuits } from "#roles/circuits";
import type { Db } from "#store/client";
import type { Logger } from "#telemetry/log";
import { dueTimers } from "#timers/due";
import { Leases } from "#timers/leases";
import { loop } from "#timers/loop";
import { pruning } from "#timers/prune";
import { ruleSweep } from "#timers/rules";
import { Deliverer } from "#webhook/deliverer";
import { Lanes } from "#webhook/lanes";
import { makeSender } from "#webhook/send";
import { makeStarter } from "#webhook/starter";

export interface Running {
  /** No new work; in-flight work is finished or handed back. Ends within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export function startWorker(config: Config, db: Db, bus: Bus, log: Logger): Running {
  const mailbox = new Mailbox();
  const tell = mailbox.tell.bind(mailbox);
  const bell = new Bell(bus);
  const leases: Leases = new Leases({
    ...{ db, log, tell },
    name: `${hostname()}:${process.pid}`,
    leaseSecs: config.workerClaimTimeoutSecs,
    sweepMs: config.workerLoopIntervalMs,
    held: () => worker.held,
    onGood: () => dispatcher.look(),
  });
  const calls = openCalls(config, db, bus, { tell, mayStart: leases.mayStart, look: () => dispatcher.look() }, log);
  const { lanes, starter, deliverer } = calls;
  const hasRoom = () => lanes.free() > 0;
  const dispatcher: Dispatcher = new Dispatcher({ mailbox, mayStart: leases.good, hasRoom, ring: () => bell.ring() });
  const timers = openTimers(config, db, bus, mailbox, () => dispatcher.look(), log);

  const ground = groundOf(config);
  const worker: Worker = new Worker({
    ...{ db, mailbox, log },
    slots: lanes,
    hunger: dispatcher,
    claimsMax: config.workerStartBatchSize,
    self: () => (leases.id === null ? null : { id: leases.id, ground: { ...ground, actor: `worker:${leases.id}` } }),
    effects: {
      start: (claimed) => {
        if (claimed.isProbe) calls.circuits.changed();
        starter.start(claimed);
      },
      flush: () => intake.commands.flush(),
      park: (item, reason) => item.from === "client" && intake.commands.park(item.command, reason),
      ready: () => dispatcher.look(),
      armed: (at) => timers.armed(at),
      deliveries: () => deliverer.nudge(),
    },
  });
  lanes.onFree(() => dispatcher.freed());
  const intake = openIntake(config, db, bus, mailbox, () => dispatcher.look(), log);
  const bells = listenToBell({
    bus,
    hasRoom: () => hasRoom() && leases.good(),
    look: () => dispatcher.look(),
    log,
  });
  worker.start();

  return {
    async stop(graceMs) {
      const giveUp = pause(graceMs);
      const inTime = (work: Promise<unknown>) => Promise.race([work, giveUp]);
      worker.stopClaiming();
      bells.stop();
      dispatcher.stop();
      await inTime(Promise.all([intake.stop(), timers.stop()]));
      await inTime(Promise.all([calls.drain(), intake.counters.idle()]));
      await worker.stop(giveUp);
      await inTime(calls.settled());
      intake.close();
      await Promise.race([leases.stop().then(() => leases.resign()), pause(lastWordMs)]);
      await calls.close();
    },
  };
}

/** Saying goodbye to Postgres may take so long beyond the grace. */
const lastWordMs = 1_000;

const groundOf = (config: Config) => ({
  leaseMs: config.workerClaimTimeoutSecs * 1000,
  deadEnds: config.deadEndCancelEnabled,
  random: Math.random,
  newId: () => uuidv7(Date.now()),
});

interface Calling {
  readonly tell: (command: LocalCommand) => void;
  readonly mayStart: (sinceMs: number) => boolean;
  readonly look: () => void;
}

/** Calls to the outside: starts, and deliveries, which share the receivers. */
function openCalls(config: Config, db: Db, bus: Bus, { tell, mayStart, look }: Calling, log: Logger) {
  const lanes = new Lanes(config.workerWebhookConcurrency, config.webhookHostConcurrency);
  const sender = makeSender(config);
  const work = makeWork({ js: { publish: (...args) => bus.js.publish(...args) }, up: () => bus.up });
  const onGates = () => {
    starter.recheck();
    look();
    deliverer.nudge();
  };
  const circuits = openCircuits(config, db, bus, { send: sender.send, lanes, onGates }, log);
  const { send, probe } = circuits;
  const starter = makeStarter({ config, lanes, send, work, tell, mayStart, log, answered: tell });
  const outcomes = new DeliveryActor({ config, db, log, onWritten: () => deliverer.nudge() });
  const deliverer: Deliverer = new Deliverer({
    ...{ config, db, work, send, probe, log },
    lanes: new Lanes(config.webhookDeliveryConcurrency, lanes),
    tell: (outcome) => outcomes.tell(outcome),
  });
  return {
    ...{ lanes, starter, deliverer, circuits },
    drain: () => Promise.all([starter.drain(), deliverer.stop()]),
    settled: () => Promise.all([outcomes.idle(), circuits.idle()]),
    close: () => Promise.all([circuits.stop(), sender.close()]),
  };
}

/** Timers of tasks, and the sweep for lost bells. */
function openTimers(config: Config, db: Db, bus: Bus, mailbox: Mailbox, look: () => void, log: Logger) {
  const due = dueTimers({
    ...{ db, log },
    sweepMs: config.workerLoopIntervalMs,
    tell: (command) => mailbox.tell(command),
    backlog: () => mailbox.total,
    appliedUntil: () => appliedUntil(bus),
  });
  const sweep = loop("dispatch", log, async () => {
    look();
    return config.workerLoopIntervalMs;
  });
  const rules = ruleSweep(db, look, log);
  const forget = pruning(db, () => appliedUntil(bus), log);
  const unlisten = onTimerArmed(bus, (ms) => due.within(ms));
  return {
    armed: (at: Date) => due.within(Math.max(0, at.getTime() - Date.now())),
    async stop() {
      unlisten();
      await Promise.all([due.stop(), sweep.stop(), rules.stop(), forget.stop()]);
    },
  };
}

/** What clients ask, as JetStream hands it out; taken only while Postgres answers and the mailbox has room. */
function openIntake(config: Config, db: Db, bus: Bus, mailbox: Mailbox, woken: () => void, log: Logger) {
  const counters = new Counters({ db, flushMs: config.batchFlushIntervalMs, woken, log });
  let stopping = false;
  const room = async () => {
    while (!stopping && (mailbox.total + counters.size > limits.mailboxMax || !db.up)) await pause(20);
  };
  const commands = takeCommands(
    bus,
    {
      command: (asked) => mailbox.put({ from: "client", busy: 0, ...asked }),
      progress: (asked) => counters.put(asked),
      room,
    },
    log,
  );
  const put = (update: Progress, settled: () => void) => counters.put({ update, storedAt: null, settle: settled });
  const progress = takeProgress(bus, put, room, log);
  return {
    ...{ commands, counters },
    stop() {
      stopping = true;
      return Promise.all([commands.stop(), progress.stop()]);
    },
    close() {
      commands.flush();
      commands.close();
      progress.close();
    },
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
