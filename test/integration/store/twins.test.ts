// Looks for twins while their states change: locks of dedupe hold off creations, not transitions.
import { beforeAll, expect, it } from "vitest";
import type { Probe } from "#domain/create/dedupe";
import { findTwins } from "#store/create/twins";
import type { Db, Sql } from "#store/pg/pool";
import { create, openStage } from "../actor/stage.ts";

let db: Db;
beforeAll(async () => {
  ({ db } = await openStage());
});

const probe = (status: string, values: Record<string, unknown>): Probe => ({
  ...{ key: JSON.stringify([status, values]), kind: "k", status, values },
});
const unfinished = (values: Record<string, unknown>) =>
  ["Pending", "Claimed", "Running"].map((status) => probe(status, values));

/** Finds twins; `before` runs before each statement that is waited for, with its number. Parts of a statement are not. */
async function find(asked: readonly (readonly Probe[])[], before: (n: number) => unknown = () => {}) {
  let statements = 0;
  const spy = (sql: Sql) =>
    new Proxy(sql, {
      apply(target, self, args) {
        const query = Reflect.apply(target as never, self, args) as { handle(): Promise<unknown> };
        const handle = query.handle.bind(query);
        let handled: Promise<unknown> | undefined;
        const once = async () => {
          await before(++statements);
          return handle();
        };
        return Object.assign(query, { handle: () => (handled ??= once()) });
      },
    });
  const hits = await db.tx((sql) => findTwins(spy(sql), asked));
  return { hits: [...hits], statements };
}
const fill = async (n: number, metadata: object) => {
  const { ids } = await create(db, Array.from({ length: n }, () => ({ kind: "k", metadata })) as never);
  return ids as string[];
};
const claim = (sql: Sql, id: string) =>
  sql`update task set status = 'Claimed', owner = 9, claim_id = 9 where id = ${id}`;

it("asks once where one statement tells, of finished tasks too", async () => {
  await fill(2, { n: 1 });
  const asked = [[...unfinished({ n: 2 }), probe("Success", { n: 2 })], unfinished({ n: 1 })];
  expect(await find(asked)).toEqual({ hits: [probe("Pending", { n: 1 }).key], statements: 1 });
});

it.each([
  ["by the same fields", unfinished({ twin: 1 }), 1],
  ["where one names no field", [probe("Waiting", {}), ...unfinished({ twin: 2 })], 2],
])("finds a task that changes its state between two statements, %s", async (_, probes, nth) => {
  // So many before and after it that the first statement leaves it open whether one is Pending.
  await fill(1_000, { n: 3 });
  const [twin] = (await fill(1, probes[1]?.values as object)) as [string];
  await fill(1_000, { n: 3 });
  const { hits } = await find([probes], (n) => n === 2 && db.use((sql) => claim(sql, twin)));
  expect(hits).toEqual([probes[nth]?.key]);
});
