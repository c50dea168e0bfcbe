// What strangers publish: what cannot be understood becomes a dead letter with its reason and answered where somebody waits, what comes
// again is settled once, and nothing of it stops the one who takes commands.
import { randomUUID } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { takeCommands } from "#bus/commands/commands";
import { headers, subjects } from "#bus/subjects";
import { stays, until, within } from "#test/until";
import { done, log, openStand, openTestBus, type Stand, takeAll } from "./stand.ts";

const task = "0190b1a2-0000-7000-8000-000000000001";
const of = (verb: string, id: string = task) => subjects.taskOf(id, verb);

/** A sound command is still taken, and answered. */
async function goesOn(stand: Stand) {
  const { subject, got } = stand.inbox();
  await stand.publish(of("pause"), "", { [headers.reply]: subject });
  await until(() => got.length > 0, 10_000, "a sound command is answered");
  expect(got[0]).toMatchObject({ status: 200 });
}

describe("a message that is no command", () => {
  const wrong: readonly (readonly [what: string, subject: string, data: string | Uint8Array, reason: RegExp])[] = [
    ["no JSON", of("fail"), "{no", /JSON/i],
    ["no UTF-8", of("fail"), Uint8Array.of(0x22, 0xff, 0xfe, 0x22), /./],
    ["a list", of("update"), "[]", /./],
    ["null", of("update"), "null", /./],
    ["an unknown field", of("succeed"), '{"colour":1}', /colour/],
    ["a wrong type", of("succeed"), '{"new_success":"1"}', /new_success/],
    ["__proto__", of("succeed"), '{"__proto__":{"a":1}}', /__proto__/],
    ["NUL in a text", of("fail"), '{"failure_reason":"a\\u0000b"}', /failure_reason|NUL/],
    ["a failure without a reason", of("fail"), "{}", /failure_reason/],
    ["a field that says nothing", of("cancel"), '{"new_success":1}', /new_success/],
    ["no task id", of("succeed", "me"), "", /Not a task id/],
    ["no known verb", of("explode"), "", /Unknown command/],
    ["a verb of the API alone", of("replay"), "", /Unknown command/],
    ["no verb", `baton.task.${task}`, "", /Unknown command/],
    ["too many words", `${of("succeed")}.now`, "", /Unknown command/],
    [
      "a number that would change",
      of("update"),
      '{"metadata":{"n":9007199254740993}}',
      /metadata\.n: 9007199254740993/,
    ],
    ["a number beyond a double", of("succeed"), '{"result":1e999}', /result: is too large/],
    ["progress below zero", of("progress"), '{"new_success":-1}', /new_success/],
    ["nesting without end", of("update"), `{"metadata":${"[".repeat(5_000)}${"]".repeat(5_000)}}`, /./],
  ];

  it("becomes a dead letter as it came, with its reason, and is answered 400 where the client waits", async () => {
    const stand = await openStand();
    const { asked, progress } = takeAll(stand.bus, done);
    for (const [what, subject, data, reason] of wrong) {
      const inbox = stand.inbox();
      const before = (await stand.dead()).length;
      await stand.publish(subject, data, { [headers.reply]: inbox.subject });
      await until(() => inbox.got.length > 0, 5_000, what);
      expect(inbox.got, what).toMatchObject([
        {
          ...{ status: 400, error: expect.any(String) },
          code: expect.stringMatching(/^(validation_failed|malformed_json|invalid_id)$/),
          details: [expect.stringMatching(/^.+?: \S/)],
          faults: [{ path: expect.any(String), code: expect.stringMatching(/^[a-z_]+$/), message: expect.any(String) }],
        },
      ]);
      const letter = (await until(async () => (await stand.dead())[before], 5_000, what)) as object;
      expect(letter, what).toMatchObject({
        subject: subject.replace("baton.", "baton.dead."),
        reason: expect.stringMatching(reason),
      });
      if (typeof data === "string") expect(letter, what).toMatchObject({ data });
    }
    await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
    expect([asked.length, progress.length]).toEqual([0, 0]);
    await goesOn(stand);
  });

  it("becomes a dead letter without an answer where no client waits", async () => {
    const stand = await openStand();
    takeAll(stand.bus, done);
    await stand.publish(of("explode"), "x");
    await until(async () => (await stand.dead()).length === 1);
    await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
    await goesOn(stand);
  });

  it("becomes a dead letter with a Nats-Msg-Id that is too long to be kept", async () => {
    const stand = await openStand();
    takeAll(stand.bus, done);
    for (const verb of ["pause", "progress"]) {
      const inbox = stand.inbox();
      const more = { [headers.msgId]: `${verb}${"x".repeat(5_000)}`, [headers.reply]: inbox.subject };
      await stand.publish(of(verb), verb === "pause" ? "" : '{"new_success":1}', more);
      await until(() => inbox.got.length > 0, 5_000, verb);
      expect(inbox.got).toMatchObject([{ status: 400 }]);
    }
    await until(async () => (await stand.dead()).length === 2);
  });

  it("becomes a dead letter as large as the server takes it", async () => {
    const stand = await openStand();
    takeAll(stand.bus, done);
    const largest = (stand.nc.info?.max_payload ?? 0) - 200;
    await stand.publish(of("explode"), "x".repeat(largest));
    await until(async () => (await stand.dead()).length === 1, 5_000);
    await goesOn(stand);
  });

  it("becomes a dead letter, or at least dropped, with a subject so long that no longer one can be published", async () => {
    const stand = await openStand();
    const { asked } = takeAll(stand.bus, done);
    // As a dead letter it has a longer one, and an address for the answer of the stream.
    stand.nc.publish(of("x".repeat(4_000)));
    await stand.nc.flush();
    await until(async () => (await stand.count("BATON_COMMANDS")) === 0, 10_000);
    await goesOn(stand);
    expect(asked.length).toBe(1);
  });

  it("from no publisher of ours becomes a dead letter as well, in part or as a whole", async () => {
    const stand = await openStand();
    const { asked } = takeAll(stand.bus, done);
    const wrong = ["", "{", "null", "7", "[]", "{}", '{"inbox":"a"}', '{"inbox":"a","commands":{}}'];
    const worse = ['{"inbox":"a","commands":[null]}', '{"inbox":"a","commands":"ab"}', '{"inbox":"a","commands":[{}]}'];
    for (const since of [undefined, 7, "yesterday", "2026-01-01T00:00:00"])
      worse.push(JSON.stringify({ inbox: "a", commands: [{ id: "c", verb: "replay_since", target: task, since }] }));
    for (const data of [...wrong, ...worse]) await stand.publish(subjects.apiCommands, data);
    await until(async () => (await stand.dead()).length === wrong.length + worse.length, 5_000);
    await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
    await goesOn(stand);
    expect(asked.map(({ command }) => command)).toMatchObject([{ verb: "pause", target: task }]);
  });
});

describe("who asks", () => {
  it("is nats where a client publishes by itself, whatever its headers say; its reason goes along", async () => {
    const stand = await openStand();
    const { asked } = takeAll(stand.bus, done);
    const names = ["Baton-Actor", "Actor", "actor", "Authorization"].map((name) => [name, "token:alice"]);
    const headed = { ...Object.fromEntries(names), [headers.reply]: "_INBOX_api.x" };
    await stand.publish(of("cancel"), '{"reason":"wrong input"}', headed);
    await stand.publish(of("succeed"), "", headed);
    await until(() => asked.length === 2);
    expect(asked.map(({ command: { verb, actor, reason } }) => [verb, actor, reason])).toEqual([
      ["cancel", "nats", "wrong input"],
      ["succeed", "nats", undefined],
    ]);
  });

  it("cannot be said in what it publishes", async () => {
    const stand = await openStand();
    const { asked } = takeAll(stand.bus, done);
    const { subject, got } = stand.inbox();
    await stand.publish(of("cancel"), '{"actor":"token:alice"}', { [headers.reply]: subject });
    await until(() => got.length > 0);
    expect(got).toMatchObject([{ status: 400, faults: [{ path: "/actor", code: "unknown_field" }] }]);
    expect(asked).toEqual([]);
  });

  it("is the one that the API names", async () => {
    const stand = await openStand();
    const { asked } = takeAll(stand.bus, done);
    const said = ["token:alice", "handle", "schedule:nightly", "root", "worker:", 7, null, undefined];
    const commands = said.map((actor, n) => ({ id: `c${n}`, verb: "pause", target: task, actor, reason: "why" }));
    await stand.publish(subjects.apiCommands, JSON.stringify({ inbox: "_INBOX_api.x", commands }));
    await until(() => asked.length === said.length);
    expect(asked.map(({ command: { actor } }) => actor)).toEqual([
      ...["token:alice", "handle", "schedule:nightly"],
      ...Array(5).fill("nats"),
    ]);
    expect(new Set(asked.map(({ command: { reason } }) => reason))).toEqual(new Set(["why"]));
  });
});

describe("an address for the answer", () => {
  const addresses = ["a b", "a b c d", "a..b", ".", ">", "a.*", "$SYS.REQ.x", "\t", "a\tb\tc", "x".repeat(5_000)];
  it.each(addresses.map((address) => [address.length > 100 ? "longer than the server takes" : address, address]))(
    "that is none harms nobody: %j",
    async (_, address) => {
      const stand = await openStand();
      const disconnects: string[] = [];
      void (async () => {
        for await (const { type } of stand.bus.nc.status()) if (type !== "ping") disconnects.push(type);
      })();
      const { asked } = takeAll(stand.bus, done);
      await stand.publish(of("pause"), "", { [headers.reply]: address });
      await stand.publish(of("explode"), "", { [headers.reply]: address });
      await until(() => asked.length === 1);
      await until(async () => (await stand.dead()).length === 1);
      await goesOn(stand);
      await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
      expect(disconnects.filter((type) => type !== "error")).toEqual([]);
    },
  );

  it("that is a command's subject gets no command done", async () => {
    const stand = await openStand();
    const { asked } = takeAll(stand.bus, done);
    await stand.publish(of("pause"), "", { [headers.reply]: of("cancel") });
    await goesOn(stand);
    await stays(() => asked.every(({ command }) => command.verb === "pause"), 100);
    await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
  });
});

describe("a message that comes again", () => {
  it("has the same id, so that its effect is remembered; acked, it comes no more", async () => {
    const stand = await openStand();
    const first = takeAll(stand.bus);
    await stand.publish(of("pause"), "", { [headers.msgId]: "mine" });
    await stand.publish(of("cancel", task.toUpperCase()));
    await until(() => first.asked.length === 2);
    await first.source.stop();
    // Its worker ends without a word about them.
    first.source.close();
    const second = takeAll(await openTestBus(stand.nats.url), done);
    const commands = ({ asked }: typeof first) => [
      ...new Map(asked.map(({ command }) => [command.id, command])).values(),
    ];
    await until(() => commands(second).length === 2, 5_000);
    expect(new Set(commands(second))).toEqual(new Set(commands(first)));
    expect(commands(first)).toMatchObject([
      { verb: "pause", target: task, key: "mine" },
      { verb: "cancel", target: task },
    ]);
    await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
  });

  it("stays with the worker that works on it, longer than a silent worker would keep it", async () => {
    const stand = await openStand();
    const slow = takeAll(stand.bus);
    const inbox = stand.inbox();
    await stand.publish(of("pause"), "", { [headers.reply]: inbox.subject });
    await until(() => slow.asked.length === 1);
    const other = takeAll(await openTestBus(stand.nats.url), done);
    // A message that nobody spoke of comes again after 8 s.
    await stays(() => other.asked.length === 0 && slow.asked.length === 1, 10_000);
    slow.asked[0]?.settle({ status: 200, id: task });
    await until(() => inbox.got.length === 1);
    await until(async () => (await stand.count("BATON_COMMANDS")) === 0);
  });
});

it("gives the time at which a command was stored by the clock of Postgres, however far that of NATS is off", async () => {
  const stand = await openStand();
  const stored: number[] = [];
  const keep = ({ storedAt }: { readonly storedAt: number }) => void stored.push(storedAt);
  const hoursBehind = (ms: number) => ms + 3 * 3_600_000;
  const handlers = {
    command: keep,
    delivery: keep,
    progress: keep,
    whenFree: async () => {},
    toPostgresMs: hoursBehind,
  };
  const source = takeCommands(stand.bus, handlers, log);
  onTestFinished(async () => {
    source.close();
    await source.stop();
  });
  const before = Date.now();
  await stand.publish(of("pause"));
  await stand.publish(of("progress"), '{"new_success":1}');
  const target = { id: "c", verb: "pause", target: task };
  await stand.publish(
    subjects.apiCommands,
    JSON.stringify({ inbox: "a", commands: [target, { ...target, verb: "replay" }] }),
  );
  await until(() => stored.length === 4);
  for (const at of stored) {
    expect(at).toBeGreaterThanOrEqual(hoursBehind(before) - 1_000);
    expect(at).toBeLessThanOrEqual(hoursBehind(Date.now()) + 1_000);
  }
});

it("answers a command by NATS with what was decided, under its own target", async () => {
  const stand = await openStand();
  takeAll(stand.bus, ({ command }) => ({ status: 409, id: command.target, state: "Success", allowed: [] }));
  const { subject, got } = stand.inbox();
  const id = randomUUID();
  await stand.publish(of("resume", id), "", { [headers.reply]: subject });
  await within(() => until(() => got.length === 1), 5_000);
  const said = { details: [], faults: [], current_status: "Success", allowed: [] };
  expect(got).toEqual([{ status: 409, id, state: "Success", ...said }]);
});
