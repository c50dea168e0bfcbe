// What an action may be: its headers, its URL, and the trigger that its place says already.
import { describe, expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { readAction } from "#domain/schema/action";
import { readBatch } from "#domain/schema/batch";
import { strict } from "#test/policy";

function faults(headers: string): readonly string[] {
  const faults = new Faults();
  const action = JSON.parse(`{"kind":"Webhook","params":{"url":"http://h/","verb":"Post","headers":${headers}}}`);
  readAction(action, strict, faults);
  return faults.list;
}

const own = "is set by Baton or by the connection itself";

it.each([
  "Host",
  "Content-Length",
  "Transfer-Encoding",
  "Connection",
  "Keep-Alive",
  "Proxy-Connection",
  "Proxy-Authorization",
  "Proxy-Anything",
  "Upgrade",
  "TE",
  "Trailer",
  "Expect",
  "webhook-id",
  "Webhook-Signature",
  "webhook-anything",
  "Idempotency-Key",
  "X-Task-Id",
  "x-task-anything",
  "Nats-Msg-Id",
])("%s is refused", (name) => {
  for (const spelt of [name, name.toLowerCase(), name.toUpperCase()])
    expect(faults(`{"${spelt}":"1"}`)).toEqual([expect.stringMatching(new RegExp(`${spelt}.*: ${own}`))]);
});

it.each<[string, string, RegExp]>([
  ["a line feed", '{"a":"x\\ny: z"}', /headers\.a: must hold printable/],
  ["a carriage return", '{"a":"x\\ry"}', /headers\.a: must hold printable/],
  ["NUL", '{"a":"x\\u0000"}', /headers\.a: must hold printable/],
  ["what is not Latin-1", '{"a":"€"}', /headers\.a: must hold printable/],
  ["a value over 4 kB", `{"a":"${"x".repeat(4097)}"}`, /headers\.a: must have at most 4096 characters/],
  ["__proto__", '{"__proto__":"x"}', /__proto__: is not a header name/],
  ["a blank in a name", '{"a b":"x"}', /headers\["a b"\]: is not a header name/],
  ["no name", '{"":"x"}', /is not a header name/],
  ["a colon in a name", '{"a:":"x"}', /is not a header name/],
  ["two of one name", '{"A":"x","a":"y"}', /headers\.a: is named twice/],
  [
    "more than 32",
    JSON.stringify(Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`h${i}`, ""]))),
    /params\.headers: must have at most 32 entries/,
  ],
])("%s is refused", (_, headers, says) => {
  expect(faults(headers).join("\n")).toMatch(says);
});

it("others are the user's own", () => {
  const mine = { Authorization: "Bearer x", "Content-Type": "text/x", Cookie: "a=b", "X-Own": `\t${"x".repeat(4095)}` };
  expect(faults(JSON.stringify(mine))).toEqual([]);
  expect(faults(JSON.stringify(Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`h${i}`, ""]))))).toEqual([]);
});

const actionWith = (more: object) => ({ kind: "Webhook", params: { url: "http://h/", verb: "Post" }, ...more });
const faultsOf = (value: unknown) => {
  const faults = new Faults();
  readAction(value, strict, faults);
  return faults.list;
};

it.each(["http:///x", "http:////x", "https:///x/y", "http://?x", "http://#x", "http://", "http:x", "//h/", "h/", ""])(
  "the URL %j names no host, and is refused",
  (url) => {
    expect(faultsOf({ kind: "Webhook", params: { url, verb: "Post" } })[0]).toMatch(
      /^params\.url: must (name a host after|be a URL that starts with) http:\/\//,
    );
  },
);

it.each(["http://h:0/", "https://h:00/x", "http://h:0", "http://8.8.8.8:0/"])("the port of %s is refused", (url) => {
  expect(faultsOf({ kind: "Webhook", params: { url, verb: "Post" } })).toEqual([
    `params.url: must not name port 0, not ${JSON.stringify(url)}`,
  ]);
});

it.each(["http://h:1/", "http://h:65535", "http://h", "HTTP://h:080/"])("%s is taken", (url) => {
  expect(faultsOf({ kind: "Webhook", params: { url, verb: "Post" } })).toEqual([]);
});

it.each(["on_cancel", "Cancels", 1, {}, "cancel"])("the trigger %j is none", (trigger) => {
  expect(faultsOf(actionWith({ trigger }))).toEqual([
    expect.stringMatching(/^trigger: must be one of Start, End, Cancel, not /),
  ]);
});

describe("the trigger of an action in a batch", () => {
  const of = (trigger: string | null) => actionWith({ trigger });
  function judge(task: object, complete: unknown = null) {
    const faults = new Faults();
    const sent = { tasks: [{ id: "a", name: "A", kind: "k", ...task }], on_batch_complete: complete };
    const limits = { tasksMax: 5, dependenciesMax: 2, linksMax: 9, actionsMax: 9, policy: strict };
    const batch = readBatch(sent, 100, limits, 0, faults);
    return { batch, faults: faults.list };
  }

  it("may be what its place says, and is not kept twice", () => {
    const lists = { on_success: [of("End")], on_failure: [of("End")], on_cancel: [of("Cancel"), of(null)] };
    const { batch, faults } = judge({ on_start: of("Start"), ...lists }, [of("End")]);
    expect([faults, batch?.onComplete]).toEqual([[], [actionWith({})]]);
  });

  it.each([
    [
      "on_start",
      { on_start: of("Cancel") },
      'tasks[0].on_start.trigger: must be Start here, or left out, not "Cancel"',
    ],
    [
      "on_success",
      { on_success: [of("Start")] },
      'tasks[0].on_success[0].trigger: must be End here, or left out, not "Start"',
    ],
    [
      "on_failure",
      { on_failure: [of("Cancel")] },
      'tasks[0].on_failure[0].trigger: must be End here, or left out, not "Cancel"',
    ],
    [
      "on_cancel",
      { on_cancel: [of("End")] },
      'tasks[0].on_cancel[0].trigger: must be Cancel here, or left out, not "End"',
    ],
    [
      "no trigger",
      { on_start: of("start") },
      'tasks[0].on_start.trigger: must be one of Start, End, Cancel, not "start"',
    ],
  ])("must not be another one: %s", (_, task, fault) => expect(judge(task).faults).toEqual([fault]));

  it("must not be another one: on_batch_complete", () => {
    const fault = "trigger: must be End here, or left out";
    expect(judge({}, of("Start")).faults).toEqual([`on_batch_complete.${fault}, not "Start"`]);
    expect(judge({}, [of("Cancel")]).faults).toEqual([`on_batch_complete[0].${fault}, not "Cancel"`]);
  });
});

describe("a gate", () => {
  function judge(task: object) {
    const faults = new Faults();
    const sent = [{ id: "a", name: "A", kind: "k", ...task }];
    const limits = { tasksMax: 5, dependenciesMax: 2, linksMax: 9, actionsMax: 9, policy: strict };
    const batch = readBatch(sent, 100, limits, 0, faults);
    return { start: batch?.tasks[0]?.on_start, faults: faults.list };
  }
  const prompt = "😀".repeat(1_000);

  it.each([
    { kind: "Wait" },
    { kind: "Wait", params: {} },
    { kind: "Wait", params: { prompt: null } },
    { kind: "Wait", trigger: "Start", params: { prompt } },
    { kind: "Wait", params: { prompt: "" } },
  ])("may be a start: %j", (on_start) => expect(judge({ on_start }).faults).toEqual([]));

  it.each<[string, object, string[]]>([
    [
      "too long a prompt",
      { on_start: { kind: "Wait", params: { prompt: `${prompt}a` } } },
      ["tasks[0].on_start.params.prompt: must be a text of at most 1000 characters"],
    ],
    [
      "what belongs to a call",
      { on_start: { kind: "Wait", params: { url: "http://h/", body: {} } } },
      ["tasks[0].on_start.params.url: is not a known field", "tasks[0].on_start.params.body: is not a known field"],
    ],
    [
      "an end",
      { on_success: [{ kind: "Wait", params: {} }] },
      ["tasks[0].on_success[0].kind: must be one of Webhook, Nats"],
    ],
    [
      "a cancel",
      { on_cancel: [{ kind: "Wait", params: {} }] },
      ["tasks[0].on_cancel[0].kind: must be one of Webhook, Nats"],
    ],
    ["another kind", { on_start: { kind: "Sleep" } }, ["tasks[0].on_start.kind: must be one of Webhook, Nats, Wait"]],
  ])("is refused with %s", (_, task, says) => {
    const { faults } = judge(task);
    expect(faults).toEqual(says.map((one) => expect.stringContaining(one)));
  });
});

describe("an action whose kind is misspelt", () => {
  function judge(on_start: object) {
    const faults = new Faults();
    const limits = { tasksMax: 5, dependenciesMax: 2, linksMax: 9, actionsMax: 9, policy: strict };
    readBatch([{ id: "a", name: "A", kind: "k", on_start }], 100, limits, 0, faults);
    return faults.list.map((fault) => fault.replace("tasks[0].on_start.", ""));
  }
  const kind = expect.stringMatching(/^kind: must be one of Webhook, Nats, Wait, not /);

  it.each<[string, object, string[]]>([
    [
      "nearly named, has every fault of that kind listed",
      { kind: "webhook", params: { url: "ftp://h/", verb: "POST", hedaers: {}, inputs: { x: {} } }, when: 1 },
      [
        'params.hedaers: is not a known field; did you mean "headers"?',
        "params.inputs.x.task: is required",
        'params.url: must be a URL that starts with http:// or https:// and names a host, not "ftp://h/"',
        'params.verb: must be one of Get, Post, Put, Patch, Delete, not "POST"',
        "when: is not a known field",
      ],
    ],
    ["nearly named, and otherwise sound", { kind: "NATS", params: { subject: "baton.work.a" } }, []],
    [
      "that of none, is judged by its address alone",
      { kind: "Http", params: { url: "ftp://h/", verb: "POST" } },
      ['params.url: must be a URL that starts with http:// or https:// and names a host, not "ftp://h/"'],
    ],
    [
      "that of none, is judged by its subject alone",
      { kind: "Queue", params: { subject: "work", speed: 1 } },
      ['params.subject: must be a subject under baton.work. without wildcards, of at most 255 characters, not "work"'],
    ],
    ["that of none, is no guess", { kind: "Sleep", params: { secs: 1 } }, []],
  ])("%s", (_, on_start, says) => {
    expect(judge(on_start).toSorted()).toEqual([kind, ...says]);
  });
});
