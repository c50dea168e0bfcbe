// A worker: mailboxes in, turns, and what follows a commit. Wiring only; nothing is decided here. What stands first opens first and
// closes last. So a worker that ends claims nothing more, takes nothing more, ends its calls or gives them back, decides what came
// of them, answers, and leaves: the row of the process says until then that it is alive.
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { Mailbox } from "#actor/mailbox";
import type { Worker } from "#actor/worker";
import { timeOfNats } from "#bus/clock";
import { openEventStream } from "#bus/events";
import { ClaimNotifier, listenForClaims } from "#bus/notifications/claims";
import { ClaimTrigger } from "#flow/claim-trigger";
import { LargeCalls } from "#intake/large/calls";
import { openActors } from "#roles/actors";
import { openBulk } from "#roles/bulk";
import { openCalls } from "#roles/calls";
import { openIntake } from "#roles/intake";
import { selfOf } from "#roles/presence";
import { openSchedules } from "#roles/schedules";
import { type Basics, basics, closed, closing, graceMsOf, held, makeGrace, Outgoing, together } from "#roles/scope";
import { openTimers } from "#roles/timers";
import { timeOfPostgres } from "#store/pg/clock";
import { lagMeter } from "#telemetry/metrics";
import { Leases } from "#timers/leases";
import { EventRelay } from "#timers/relay";
import { ClockSkew } from "#timers/skew";

export const worker = Layer.effectDiscard(
  Effect.gen(function* () {
    const base = yield* basics;
    const { config, db, bus, log } = base;
    const grace = makeGrace(graceMsOf(config));
    const { inTime, stopped } = grace;
    const mailbox = new Mailbox();
    const tell = mailbox.tell.bind(mailbox);
    const notifier = new ClaimNotifier(bus);
    const lag = lagMeter();
    // What is opened further up calls what is opened further down, once all is open.
    const look = () => dispatcher.look();
    const armed = (at: Date): void => timers.armed(at);
    const created = (firstDelayMs?: number) => {
      look();
      notifier.notify();
      if (firstDelayMs !== undefined) armed(new Date(Date.now() + firstDelayMs));
    };

    const calling = { tell, look, sender: yield* Outgoing, mayStart: (ms: number): boolean => leases.mayStart(ms) };
    const calls = yield* closed(() => openCalls(base, calling));
    const skew: ClockSkew = yield* stopped(
      () => new ClockSkew({ nats: () => timeOfNats(bus), postgres: () => timeOfPostgres(db), log }),
    );
    const leases: Leases = yield* openLeases(base, {
      ...{ tell, isWaiting: mailbox.isWaiting.bind(mailbox), held: () => worker.held, onGood: look },
      figures: () => ({ callsOpen: calls.open(), lagMs: lag(), skewMs: -skew.toPostgresMs(0) }),
    });
    const hasCapacity = () => calls.callSlots.free() > 0;
    const dispatcher: ClaimTrigger = new ClaimTrigger({
      nudge: () => mailbox.nudge("task"),
      ...{ mayStart: leases.good, hasCapacity, notify: () => notifier.notify() },
    });
    const follow = { signaled: look, armed, due: () => calls.deliverer.nudge() };
    const intake = yield* closed(() => openIntake(base, { mailbox, skew, ...follow }));
    yield* closing(() => inTime(calls.settled()));
    const acting = { mailbox, calls, dispatcher, armed, self: () => leases.id, commands: intake.commands };
    const worker: Worker = yield* openActors(base, grace, acting);
    const large = yield* closed(() => new LargeCalls({ config, db, commands: { notifyClaims: created }, log }));
    const feeding = Effect.gen(function* () {
      yield* closing(() => inTime(Promise.all([calls.drain(), intake.idle()])));
      const [timers] = yield* together(
        stopped(() => openTimers(base, { mailbox, skew, look })),
        stopped(() => openSchedules(base, { mailbox, large, created })),
        closing(() => inTime(intake.stop())),
      );
      return timers;
    });
    // A portion of a bulk operation may wait for a batch that is locked: calls are drained meanwhile.
    const bulk = stopped(() => openBulk(base, { mailbox, replay: intake.replay, created, large }));
    const [timers] = yield* together(feeding, bulk);
    yield* closing(() => dispatcher.stop());
    yield* stopped(() => listenForClaims({ bus, hasCapacity: () => hasCapacity() && leases.good(), look, log }));
    calls.callSlots.onFree(() => dispatcher.freed());
    yield* closing(() => worker.stopClaiming());
  }),
);

type Leasing = Pick<ConstructorParameters<typeof Leases>[0], "held" | "tell" | "isWaiting" | "onGood" | "figures">;

/** Saying goodbye to Postgres may take so long beyond the grace. */
const lastWordMs = 1_000;

/** The row of the process, and the relay of events, which is known by it. */
const openLeases = ({ config, db, bus, log }: Basics, parts: Leasing) =>
  Effect.gen(function* () {
    const { inTime, stopped } = makeGrace(lastWordMs);
    const { workerClaimTimeoutSecs: leaseSecs, workerLoopIntervalMs: sweepMs } = config;
    const leases = yield* held(
      () => new Leases({ ...parts, db, log, leaseSecs, sweepMs, self: selfOf(config) }),
      (it) => inTime(it.stop().then(() => it.resign())),
    );
    const stream = openEventStream(bus, config.hostUrl);
    yield* stopped(() => new EventRelay({ db, log, stream, self: () => leases.id }));
    return leases;
  });
