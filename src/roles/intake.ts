// Wires what clients ask into a worker: commands, counter updates, replays and dead letters, as JetStream hands them out.
import { setTimeout as pause } from "node:timers/promises";
import { Counters } from "#actor/counters/counters";
import { type ReplayItem, Replays } from "#actor/deliveries/replays";
import type { Mailbox } from "#actor/mailbox";
import { type CommandSource, takeCommands } from "#bus/commands/commands";
import { type Stored, setAsideProgress, takeProgress } from "#bus/counters/progress";
import { takeDeadLetters } from "#bus/dead";
import { limits } from "#config";
import type { Basics } from "#roles/scope";
import { keepDeadLetters } from "#store/maintenance/dead-letters";
import type { ClockSkew } from "#timers/skew";

/** Where commands go, whose times are corrected; and what follows: tasks with rules may start, timers are armed, deliveries are due. */
interface Follow {
  readonly mailbox: Mailbox;
  readonly skew: ClockSkew;
  readonly signaled: () => void;
  readonly armed: (at: Date) => void;
  readonly due: () => void;
}

/** What clients ask, as JetStream hands it out; taken only while Postgres answers and the mailbox is not full. */
export function openIntake({ config, db, bus, log }: Basics, { mailbox, skew, signaled, armed, due }: Follow) {
  const counters = new Counters({
    ...{ db, flushMs: config.batchFlushIntervalMs, signaled, armed, log },
    deadLetter: (item, reason) => setAsideProgress(bus, item, reason, log),
  });
  const replays = new Replays({
    ...{ db, due, log },
    flush: () => commands.flush(),
    deadLetter: (command, reason) => commands.setAside(command, reason),
  });
  let stopping = false;
  const areCountersFull = () => counters.size > limits.countersMax;
  const isFull = () => areCountersFull() || mailbox.total + replays.size > limits.mailboxMax;
  const whenFree = async (full: () => boolean) => {
    while (!stopping && (full() || !db.up || !skew.isKnown)) await pause(20, undefined, { ref: false });
  };
  const commands: CommandSource = takeCommands(
    bus,
    {
      command: (asked) => mailbox.put({ from: "client", ...asked }),
      delivery: (asked) => replays.put(asked),
      progress: (asked) => counters.put({ ...asked, acceptedMs: asked.storedAt }),
      whenFree: () => whenFree(isFull),
      toPostgresMs: skew.toPostgresMs,
    },
    log,
  );
  const put = ({ storedMs, ...brought }: Stored) => {
    const acceptedMs = skew.toPostgresMs(storedMs);
    counters.put({ ...brought, storedAt: brought.update.unseen ? acceptedMs : null, acceptedMs });
  };
  const progress = takeProgress(bus, put, () => whenFree(areCountersFull), log);
  const dead = takeDeadLetters(
    bus,
    (letters) => keepDeadLetters(db, letters),
    () => whenFree(() => false),
    log,
  );
  const stop = () => {
    stopping = true;
    return Promise.all([commands.stop(), progress.stop(), dead.stop()]);
  };
  return {
    commands,
    replay: (item: ReplayItem) => replays.put(item),
    idle: () => Promise.all([counters.idle(), replays.idle()]),
    stop,
    /** Gives back what is not settled. */
    close() {
      // Where the worker did not open whole, it still takes.
      if (!stopping) void stop();
      commands.flush();
      commands.close();
      progress.close();
      dead.close();
    },
  };
}
