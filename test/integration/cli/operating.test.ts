// `baton doctor` and `baton migrate` where a server's settings stand in the environment: against a real Postgres and nats-server.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { freshDatabase } from "#test/services";
import { until } from "#test/until";
import { stage } from "./stage.ts";

let cluster: Cluster;
const { baton, json } = stage(() => cluster.url);
const other = createServer((_, response) => response.end("{}"));

beforeAll(async () => {
  cluster = await startCluster({ together: true });
  // A process is listed a moment after it is ready.
  await until(async () => (await cluster.sql`select from process where 'worker' = any(roles)`).length > 0);
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
});
afterAll(() => void other.close());
afterEach(() => void vi.unstubAllEnvs());

function stub(more: Readonly<Record<string, string>> = {}): void {
  const own = { DATABASE_URL: cluster.databaseUrl, NATS_URL: cluster.nats.url, HOST_URL: cluster.url };
  for (const [name, value] of Object.entries({ ...own, ...more })) vi.stubEnv(name, value);
}

it("looks at Postgres, NATS, the streams, the clocks and HOST_URL, and finds them well", async () => {
  stub();
  const { code, out } = await baton("doctor");
  expect(out).toMatch(/^ok +DATABASE_URL +Postgres [\d.]+ answers$/m);
  expect(out).toMatch(/^ok +NATS_URL +nats-server [\d.]+ answers$/m);
  for (const what of [
    "settings",
    "encoding",
    "schema",
    "JetStream",
    "streams",
    "clock of Postgres",
    "clock of nats-server",
  ])
    expect(out, what).toMatch(new RegExp(`^ok +${what} `, "m"));
  expect(out).toMatch(/^warning +HOST_URL +\S+ is this machine alone$/m);
  expect(code, out).toBe(0);
});

it("says what is wrong with each and how to mend it, without a password", async () => {
  stub({
    DATABASE_URL: cluster.databaseUrl.replace(/\/\/[^@]*@/, "//nobody:hush@"),
    NATS_URL: "nats://127.0.0.1:9",
    HOST_URL: `http://127.0.0.1:${(other.address() as AddressInfo).port}`,
  });
  const found: { what: string; state: string; says: string; mend?: string }[] = await json("doctor");
  const wrong = found.filter(({ state }) => state === "wrong");
  expect(wrong.map(({ what }) => what).toSorted()).toEqual(["DATABASE_URL", "HOST_URL", "NATS_URL"]);
  for (const { mend } of wrong) expect(mend).toEqual(expect.any(String));
  expect(wrong.find(({ what }) => what === "HOST_URL")?.says).toContain("something else answers");
  expect(JSON.stringify(found)).not.toContain("hush");
});

it("sees a schema that is not there yet, applies the migrations once, and needs no other setting", async () => {
  const url = await freshDatabase();
  stub({ DATABASE_URL: url });
  expect((await baton("doctor")).out).toMatch(/^warning +schema +not applied: \S+\.sql/m);
  vi.unstubAllEnvs();
  vi.stubEnv("DATABASE_URL", url);
  expect((await baton("migrate")).out).toMatch(/^applied \S+\.sql\n/);
  expect(await baton("migrate")).toMatchObject({ code: 0, out: "the schema is up to date\n" });
  expect(await json("migrate")).toEqual({ applied: [] });
});

it("says of a database that was made before the migrations were folded that a new one is needed", async () => {
  const url = await freshDatabase();
  const sql = postgres(url, { max: 1 });
  await sql`create table migration (name text primary key, at timestamptz not null default now())`;
  await sql`insert into migration (name) values ('0001_house.sql')`;
  await sql.end();
  stub({ DATABASE_URL: url });
  expect((await baton("doctor")).out).toMatch(/^wrong +schema +.* or of a Baton before its first release$/m);
});

it("does not touch the database of another program, and says what to try without one", async () => {
  const url = await freshDatabase();
  const sql = postgres(url, { max: 1 });
  await sql`create table task (id int)`;
  await sql.end();
  stub({ DATABASE_URL: url });
  expect((await baton("doctor")).out).toMatch(
    /^wrong +schema +of another program, or of a Baton before its first release$/m,
  );
  expect(await baton("migrate")).toMatchObject({
    code: 2,
    error: expect.stringContaining("give Baton one of its own"),
  });
  vi.stubEnv("DATABASE_URL", "");
  expect(await baton("migrate")).toMatchObject({
    code: 2,
    error: expect.stringMatching(/DATABASE_URL is missing[\s\S]*Try: /),
  });
  vi.stubEnv("DATABASE_URL", "postgres://127.0.0.1:9/x");
  vi.stubEnv("POOL_ACQUIRE_RETRIES", "0");
  expect(await baton("migrate")).toMatchObject({
    code: 2,
    error: expect.stringMatching(/ECONNREFUSED \S+\nTry: baton doctor/),
  });
});
