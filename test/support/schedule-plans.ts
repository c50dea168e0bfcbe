// The plans of what schedules read and write; the table of plans takes them in. A full database has 5,000 schedules, one of which has made
// more than half of all batches.
import { randomUUID } from "node:crypto";
import { rememberAnswer } from "#store/create/key";
import * as change from "#store/schedules/change";
import * as due from "#store/schedules/due";
import * as read from "#store/schedules/read";
import {
  loadAlive,
  loadAround,
  lockDue,
  lockOne,
  type ScheduleRow,
  type TimeRow,
  writeSchedules,
} from "#store/schedules/rows";
import type { Plan } from "#test/plans";

const large = "large";
const page = { page: 0, size: 50 };
const nobody = "00000000-0000-7000-8000-000000000000";
const schedule: change.NewSchedule = {
  ...{ name: large, cron: "0 0 * * *", every_secs: null, timezone: "UTC", overlap: "skip", catch_up: "last" },
  ...{ until: null, batch: [], bytes: 2, alone: false },
};

export const plans: Readonly<Record<string, Plan>> = {
  schedules: { verbs: ["listSchedules"], run: (db) => read.listSchedules(db, page) },
  "a schedule": { verbs: ["findSchedule", "readSchedule"], run: (db) => read.findSchedule(db, large) },
  "schedules that are next": { verbs: ["nextSchedules"], run: (db) => read.nextSchedules(db, 100) },
  "schedules that are due": {
    verbs: ["lookAtSchedules", "bodiesOf", "testify", "rest"],
    async run(db) {
      const found = await due.lookAtSchedules(db, false, 200);
      await due.testify(db, 0);
      await due.rest(db, nobody, 0);
      return due.bodiesOf(
        db,
        found.slice(0, 50).map(({ id }) => id),
      );
    },
  },
  "a turn of schedules": {
    verbs: ["lockDue", "loadAround", "loadAlive", "writeSchedules"],
    run: (db) =>
      db.tx(async (sql) => {
        const found = await sql<{ id: string }[]>`
          select id from schedule where due_at < now() and not alone order by alone, due_at, id limit 50`;
        const rows = await lockDue(
          sql,
          found.map(({ id }) => id),
          50,
        );
        await Promise.all([loadAround(sql, rows), loadAlive(sql, new Date())]);
        await Promise.all(writeSchedules(sql, rows.map(afterOf), rows.map(skippedOf)));
      }),
  },
  "changing a schedule": {
    verbs: ["lockOne", "insertSchedule", "updateSchedule", "deleteSchedule", "bodyOf", "bytesOf", "rememberAnswer"],
    run: async (db) => {
      await change.bytesOf(db, schedule.name);
      await db.tx(async (sql) => {
        await change.insertSchedule(sql, nobody, schedule, false);
        const row = (await lockOne(sql, large)) as ScheduleRow;
        await change.bodyOf(sql, row.id);
        await change.updateSchedule(sql, row.id, schedule, null);
        await change.deleteSchedule(sql, nobody);
        await rememberAnswer(sql, { text: randomUUID(), hash: "" }, {});
      });
    },
  },
};

const afterOf = ({ id, paused, next_at }: ScheduleRow) => ({ id, paused, next_at, due_at: next_at });
const skippedOf = ({ id, now }: ScheduleRow): TimeRow => ({
  schedule_id: id,
  at: now,
  state: "overlap",
  batch_id: null,
});
