// Wires a worker: mailboxes in, turns, and what follows a commit. Wiring only; nothing is decided here.
import { hostname } from "node:os";
import { Counters } from "#actor/counters";
import { DeliveryActor } from "#actor/deliveries";
import { type LocalCommand, Mailbox } from "#actor/mailbox";
import { Replays } from "#actor/replays";
import { Worker } from "#actor/worker";
import { appliedUntil } from "#bus/applied";
import type { Bus } from "#bus/client";
import { type CommandSource, takeCommands } from "#bus/commands";
import { Bell } from "#bus/door";
import { openEventWire } from "#bus/events";
import { type Brought, takeProgress } from "#bus/progress";
import { onTimerArmed } from "#bus/timer";
import { makeWork } from "#bus/work";
import { type Config, limits } from "#config";
import { listenToBell } from "#dispatch/bell";
import { Dispatcher } from "#dispatch/dispatcher";
import { makePolicy } from "#domain/guard";
import { uuidv7 } from "#domain/uuid";
import { openCircuits } from "#roles/circuits";
import type { Db } from "#store/client";
import type { Logger } from "#telemetry/log";
import { dueTimers } from "#timers/due";
import { Leases } from "#timers/leases";
import { loop } from "#timers/loop";
import { eventPartitions } from "#timers/partitions";
import { pruning } from "#timers/prune";
import { retention } from "#timers/retention";
import { ruleSweep } from "#timers/rules";
import { stalledSweep } from "#timers/stalled";
import { Teller } from "#timers/teller";
import { Deliverer } from "#webhook/deliverer";
import { guarded } from "#webhook/guard";
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
  const selfName = () => (leases.id === null ? null : `worker:${leases.id}`);
  const teller = new Teller({ ...{ db, log }, wire: openEventWire(bus), actor: selfName });
  const leases: Leases = new Leases({
    ...{ db, log, tell, teller },
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
      telling: () => teller.begin(),
    },
  });
  lanes.onFree(() => dispatcher.freed());
  const follow = { woken: () => dispatcher.look(), due: () => deliverer.nudge() };
  const intake = openIntake(config, db, bus, mailbox, follow, log);
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
      await inTime(Promise.all([calls.drain(), intake.idle()]));
      await worker.stop(giveUp);
      await inTime(calls.settled());
      intake.close();
      await Promise.race([lastWord(leases, teller), pause(lastWordMs)]);
      await calls.close();
    },
  };
}

/** Saying goodbye to Postgres may take so long beyond the grace. */
const lastWordMs = 1_000;

async function lastWord(leases: Leases, teller: Teller): Promise<void> {
  const [isAllTold] = await Promise.all([teller.stop(), leases.stop()]);
  await leases.resign(isAllTold);
}

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
  const policy = makePolicy(config);
  const { webhookHostConcurrency } = config;
  const sender = makeSender({ webhookHostConcurrency, connect: guarded(policy) });
  const work = makeWork({ js: { publish: (...args) => bus.js.publish(...args) }, up: () => bus.up });
  const onGates = () => {
    starter.recheck();
    look();
    deliverer.nudge();
  };
  const circuits = openCircuits(config, db, bus, { send: sender.send, lanes, onGates }, log);
  const { send, probe, giveUp } = circuits;
  const starter = makeStarter({ config, policy, lanes, send, giveUp, work, tell, mayStart, log, answered: tell });
  const outcomes = new DeliveryActor({ config, db, log, onWritten: () => deliverer.nudge() });
  const deliverer: Deliverer = new Deliverer({
    ...{ config, db, work, send, probe, giveUp, log },
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
  const stalled = stalledSweep(db, log);
  const forget = pruning(db, () => appliedUntil(bus), log);
  const old = config.retentionEnabled ? retention(db, config, log) : null;
  const days = eventPartitions(db, config, log);
  const unlisten = onTimerArmed(bus, (ms) => due.within(ms));
  return {
    armed: (at: Date) => due.within(Math.max(0, at.getTime() - Date.now())),
    async stop() {
      unlisten();
      await Promise.all([due, sweep, rules, stalled, forget, old, days].map((timer) => timer?.stop()));
    },
  };
}

/** What follows: tasks with rules may start; deliveries are due. */
interface Follow {
  readonly woken: () => void;
  readonly due: () => void;
}

/** What clients ask, as JetStream hands it out; taken only while Postgres answers and the mailbox has room. */
function openIntake(config: Config, db: Db, bus: Bus, mailbox: Mailbox, { woken, due }: Follow, log: Logger) {
  const counters = new Counters({ db, flushMs: config.batchFlushIntervalMs, woken, log });
  const replays = new Replays({
    ...{ db, due, log },
    flush: () => commands.flush(),
    park: (command, reason) => commands.park(command, reason),
  });
  let stopping = false;
  const areCountersFull = () => counters.size > limits.countersMax;
  const isFull = () => areCountersFull() || mailbox.total + replays.size > limits.mailboxMax;
  const room = async (full: () => boolean) => {
    while (!stopping && (full() || !db.up)) await pause(20);
  };
  const commands: CommandSource = takeCommands(
    bus,
    {
      command: (asked) => mailbox.put({ from: "client", busy: 0, ...asked }),
      delivery: (asked) => replays.put(asked),
      progress: (asked) => counters.put(asked),
      room: () => room(isFull),
    },
    log,
  );
  const put = (brought: Brought) => counters.put({ ...brought, storedAt: null });
  const progress = takeProgress(bus, put, () => room(areCountersFull), log);
  return {
    commands,
    idle: () => Promise.all([counters.idle(), replays.idle()]),
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
