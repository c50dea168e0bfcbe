// Wires a worker: mailboxes in, turns, and what follows a commit. Wiring only; nothing is decided here.
import { hostname } from "node:os";
import { Counters } from "#actor/counters";
import { DeliveryActor } from "#actor/deliveries";
import { Mailbox } from "#actor/mailbox";
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
import { uuidv7 } from "#domain/uuid";
import type { Db } from "#store/client";
import type { Logger } from "#telemetry/log";
import { dueTimers } from "#timers/due";
import { Leases } from "#timers/leases";
import { loop } from "#timers/loop";
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
  const lanes = new Lanes(config.workerWebhookConcurrency, config.webhookHostConcurrency);
  const sender = makeSender(config);
  const work = makeWork({ js: { publish: (...args) => bus.js.publish(...args) }, up: () => bus.up });
  const bell = new Bell(bus);

  const leases: Leases = new Leases({
    ...{ db, log, tell },
    name: `${hostname()}:${process.pid}`,
    leaseSecs: config.workerClaimTimeoutSecs,
    sweepMs: config.workerLoopIntervalMs,
    held: () => worker.held,
  });
  const dispatcher = new Dispatcher({ mailbox, mayStart: leases.good, ring: () => bell.ring() });
  const starter = makeStarter({
    config,
    lanes,
    send: sender.send,
    work,
    tell,
    mayStart: leases.good,
    log,
    answered: tell,
  });
  const deliveries = new DeliveryActor({ config, db, log, onWritten: () => deliverer.nudge() });
  const deliverer: Deliverer = new Deliverer({
    ...{ config, db, work, log },
    lanes: new Lanes(config.webhookDeliveryConcurrency, lanes),
    send: sender.send,
    tell: (outcome) => deliveries.tell(outcome),
  });
  const due = dueTimers({ db, sweepMs: config.workerLoopIntervalMs, tell, appliedUntil: () => appliedUntil(bus), log });
  const sweep = loop("dispatch", log, async () => {
    dispatcher.look();
    return config.workerLoopIntervalMs;
  });

  const ground = {
    leaseMs: config.workerClaimTimeoutSecs * 1000,
    deadEnds: config.deadEndCancelEnabled,
    random: Math.random,
    newId: () => uuidv7(Date.now()),
  };
  const worker: Worker = new Worker({
    ...{ db, mailbox, log },
    slots: lanes,
    hunger: dispatcher,
    claimsMax: config.workerStartBatchSize,
    self: () => (leases.id === null ? null : { id: leases.id, ground: { ...ground, actor: `worker:${leases.id}` } }),
    effects: {
      start: (claimed) => starter.start(claimed),
      flush: () => commands.flush(),
      park: (item, reason) => item.from === "client" && commands.park(item.command, reason),
      ready: () => dispatcher.look(),
      armed: (at) => due.within(Math.max(0, at.getTime() - Date.now())),
      deliveries: () => deliverer.nudge(),
    },
  });
  lanes.onFree((_receiver, wasFull) => {
    if (wasFull) dispatcher.look();
  });

  const counters = new Counters({ db, flushMs: config.batchFlushIntervalMs, log });
  const room = async () => {
    while (mailbox.size("ending") + mailbox.size("row") + counters.size > limits.mailboxMax || !db.up) await pause(20);
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
  const progress = takeProgress(
    bus,
    (update, settled) => counters.put({ update, storedAt: null, settle: settled }),
    room,
    log,
  );
  const bells = listenToBell({
    bus,
    hasRoom: () => lanes.free() > 0 && leases.good(),
    look: () => dispatcher.look(),
    log,
  });
  const unlisten = onTimerArmed(bus, (ms) => due.within(ms));
  worker.start();

  return {
    async stop(graceMs) {
      const giveUp = pause(graceMs);
      bells.stop();
      unlisten();
      await Promise.all([commands.stop(), progress.stop(), sweep.stop(), due.stop()]);
      await Promise.race([Promise.all([starter.drain(), deliverer.stop(), counters.idle()]), giveUp]);
      await worker.stop(giveUp);
      await Promise.race([deliveries.idle(), giveUp]);
      commands.flush();
      commands.close();
      progress.close();
      await leases.stop();
      if (worker.held.size === 0) await leases.resign();
      await sender.close();
    },
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
