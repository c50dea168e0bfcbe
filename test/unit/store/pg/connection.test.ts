// One connection to Postgres: what building a query costs.
import { expect, it } from "vitest";
import { openClient } from "#store/pg/connection";

it("takes no stack for a query that is built again", () => {
  // Nothing is sent, so nothing has to listen there.
  const { sql } = openClient({ databaseUrl: "postgres://nobody@127.0.0.1:1/none" });
  const build = () => sql`select 1`;
  const stackOf = (query: object) =>
    Object.getOwnPropertySymbols(query)
      .map((symbol) => (query as Record<symbol, unknown>)[symbol])
      .filter((value) => value instanceof Error);
  const [first, second] = [stackOf(build()), stackOf(build())];
  expect(first).toHaveLength(1);
  expect(second[0]).toBe(first[0]);
});
