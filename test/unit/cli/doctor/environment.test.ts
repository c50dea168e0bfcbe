// What `baton doctor` makes of what Postgres and NATS say of themselves.
import { expect, it } from "vitest";
import { ofEnvironment, ofNats, ofPostgres } from "../../../../src/cli/doctor/environment.ts";
import { reasonOf } from "../../../../src/cli/doctor/finding.ts";

const now = 1_900_000_000_000;
const postgres = {
  ...{ version: "18.4", versionNumber: 180_004, isStandby: false, encoding: "UTF8", at: new Date(now), missing: [] },
  ...{ durability: { fsync: "on", full_page_writes: "on", synchronous_commit: "on" } },
  connections: { used: 20, max: 100 },
} as const;
const stream = { name: "BATON_COMMANDS", isThere: true, changes: [], full: 0.1 };
const nats = {
  ...{ server: "a", version: "2.15.1", isNewEnough: true, oldest: "2.14.0", hasJetStream: true },
  ...{ payloadBytesMax: 1_048_576, streams: [stream], clock: { atMs: now, askedMs: now } },
};

it("finds nothing where all is well", () => {
  const found = [...ofPostgres(postgres, now), ...ofNats(nats)];
  expect(found.filter(({ state }) => state !== "ok")).toEqual([]);
  expect(found.length).toBeGreaterThan(9);
});

it.each([
  [{ isStandby: true }, "Postgres", "wrong", "a standby", /primary/],
  [{ encoding: "SQL_ASCII" }, "encoding", "wrong", "SQL_ASCII", /UTF8/],
  [{ durability: { ...postgres.durability, fsync: "off" } }, "durability", "warning", "fsync is off", /fsync = on/],
  [
    { durability: { ...postgres.durability, synchronous_commit: "off" } },
    "durability",
    "warning",
    "synchronous_commit is off",
    /crash/,
  ],
  [{ connections: { used: 95, max: 100 } }, "connections", "warning", "95 of 100 used", /max_connections/],
  [{ missing: ["0001.sql"] }, "schema", "warning", "not applied: 0001.sql", /baton migrate/],
  [
    { missing: null },
    "schema",
    "wrong",
    "of another program, or of a Baton before its first release",
    /new database of its own/,
  ],
  [{ at: new Date(now + 9_000) }, "clock of Postgres", "warning", "9 s ahead of this machine's", /NTP/],
])("says what is wrong with Postgres and how to mend it: %j", (change, what, state, says, mend) => {
  const wrong = ofPostgres({ ...postgres, ...change } as typeof postgres, now).filter((one) => one.state !== "ok");
  expect(wrong).toEqual([{ what, state, says, mend: expect.stringMatching(mend) }]);
});

it.each([
  [{ isNewEnough: false, version: "2.10.0" }, "NATS_URL", "wrong", "nats-server 2.10.0", /2\.14\.0 or newer/],
  [{ hasJetStream: false }, "JetStream", "wrong", "off", /jetstream block/],
  [{ payloadBytesMax: 65_536 }, "max_payload", "warning", "65536 bytes", /1048576/],
  [{ streams: [{ ...stream, isThere: false }] }, "streams", "warning", "BATON_COMMANDS is missing", /starts/],
  [
    { streams: [{ ...stream, changes: ["max_bytes: 1 → 2"] }] },
    "streams",
    "warning",
    "BATON_COMMANDS max_bytes: 1 → 2",
    /starts/,
  ],
  [{ streams: [{ ...stream, full: 0.95 }] }, "streams", "warning", "BATON_COMMANDS is 95 % full", /workers/],
  [
    { clock: { atMs: now - 5_000, askedMs: now } },
    "clock of nats-server",
    "warning",
    "5 s behind this machine's",
    /NTP/,
  ],
])("says what is wrong with NATS and how to mend it: %j", (change, what, state, says, mend) => {
  const wrong = ofNats({ ...nats, ...change }).filter((one) => one.state !== "ok");
  expect(wrong).toEqual([{ what, state, says, mend: expect.stringMatching(mend) }]);
});

it("lists every fault of the settings, and says where to look at what is not set here", async () => {
  const [unseen] = await ofEnvironment({});
  expect(unseen).toMatchObject({ state: "unseen", mend: expect.stringContaining("DATABASE_URL") });
  const faults = await ofEnvironment({ DATABASE_URL: "postgres://h/d", HOST_URL: "nonsense" });
  expect(faults.map(({ what, state }) => `${what} ${state}`)).toEqual(["settings wrong", "settings wrong"]);
});

it("gives the reason below an error, without a password", () => {
  const cause = new Error("connect to postgres://u:secret@h failed");
  expect(reasonOf(new Error("Postgres cannot be reached", { cause }))).toBe("connect to postgres://***@h failed");
  expect(reasonOf({ code: "ECONNREFUSED" })).toBe("ECONNREFUSED");
});
