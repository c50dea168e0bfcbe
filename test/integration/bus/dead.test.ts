// Dead letters become rows: each once, with its reason, as it was sent; they wait in the stream while they cannot be kept.
import { randomBytes } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { setAside, takeDeadLetters } from "#bus/dead";
import type { DeadLetter } from "#domain/values/dead-letter";
import { keepDeadLetters } from "#store/maintenance/dead-letters";
import type { Db } from "#store/pg/pool";
import { until } from "#test/until";
import { openStage } from "../actor/stage.ts";
import { log, openStand, type Stand } from "./stand.ts";

const rowsIn = (db: Db) =>
  db.use(
    (sql) =>
      sql<
        { subject: string; reason: string; at: Date; payload: Uint8Array }[]
      >`select * from dead_letter order by at, id`,
  );

function take(stand: Stand, keep: (letters: readonly DeadLetter[]) => Promise<void>): void {
  const taken = takeDeadLetters(stand.bus, keep, async () => {}, log);
  onTestFinished(async () => {
    await taken.stop();
    taken.close();
  });
}

it("keeps each once, as it was sent, with its reason, and at most 64 KB of it", async () => {
  const [stand, { db }] = await Promise.all([openStand(), openStage(2)]);
  const binary = randomBytes(100_000);
  setAside(stand.bus, { subject: "baton.task.nobody.frob", data: binary }, "no such\u0000 verb “frob”", log);
  let first: readonly DeadLetter[] = [];
  take(stand, async (letters) => {
    first = letters;
    await keepDeadLetters(db, letters);
  });
  await until(async () => (await rowsIn(db)).length === 1);
  await keepDeadLetters(db, first);
  const rows = await rowsIn(db);
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({ subject: "baton.task.nobody.frob", reason: "no such  verb  frob" });
  expect(Buffer.from(rows[0]?.payload ?? []).equals(binary.subarray(0, 65_536))).toBe(true);
  expect(Math.abs(Date.now() - (rows[0]?.at.getTime() ?? 0))).toBeLessThan(60_000);
});

it("leaves them in the stream until they can be kept", async () => {
  const [stand, { db }] = await Promise.all([openStand(), openStage(2)]);
  let tries = 0;
  take(stand, async (letters) => {
    if (++tries < 3) throw new Error("Postgres is away");
    await keepDeadLetters(db, letters);
  });
  for (const n of [1, 2, 3]) setAside(stand.bus, { subject: `baton.door.${n}`, data: "{" }, "no JSON", log);
  await until(async () => (await rowsIn(db)).length === 3);
  expect(tries).toBeGreaterThanOrEqual(3);
  expect(await stand.count("BATON_DEAD")).toBe(3);
});
