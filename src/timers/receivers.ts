// Notes now and then which receivers this process called, for people. What cannot be noted is forgotten: the next calls say more.
import { type CalledReceiver, noteReceivers } from "#store/maintenance/receivers";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { type Loop, loop } from "#timers/loop";

const everyMs = 5_000;
const portion = 1_000;

/** `take`: what was called since the last time. */
export const receiverNotes = (db: Db, take: () => readonly CalledReceiver[], log: Logger): Loop =>
  loop("receivers", log, async () => {
    const called = take();
    for (let from = 0; from < called.length; from += portion)
      await noteReceivers(db, called.slice(from, from + portion));
    return everyMs;
  });
