// What PATCH, PUT and NATS commands may say about a task, field by field and together.
import { describe, expect, it } from "vitest";
import { Faults } from "#domain/faults";
import {
  readCommand,
  readOverride,
  readOverrideMessage,
  readPatch,
  readProgress,
  readPut,
} from "#domain/schema/report";

function judge<T>(read: (faults: Faults) => T): { value: T; faults: readonly string[] } {
  const faults = new Faults();
  const value = read(faults);
  return { value, faults: faults.list };
}

describe("PATCH refuses", () => {
  it.each<[string, unknown, string]>([
    ["nothing", undefined, "body: must be an object"],
    ["an array", [], "body: must be an object"],
    ["a time that is none", { run_at: "tomorrow" }, "run_at: must be an RFC 3339 time"],
    ["a time with a report", { status: "Success", run_at: null }, "run_at: must not be given with a report"],
    ["another status", { status: "Running" }, "status: must be one of Success, Failure, Skipped"],
    ["Failure without a reason", { status: "Failure" }, "failure_reason: is required with status Failure"],
    ["Failure with a null reason", { status: "Failure", failure_reason: null }, "failure_reason: is required"],
    ["Failure with a blank reason", { status: "Failure", failure_reason: " " }, "failure_reason: must be a text"],
    ["Success with a reason", { status: "Success", failure_reason: "x" }, "failure_reason: must be given with status"],
    ["a reason alone", { failure_reason: "x" }, "failure_reason: must be given with status Failure or Skipped alone"],
    ["Skipped with a blank reason", { status: "Skipped", failure_reason: " " }, "failure_reason: must be a text"],
    ["a time with Skipped", { status: "Skipped", run_at: null }, "run_at: must not be given with a report"],
    ["a negative counter", { new_success: -1 }, "new_success: must be an integer from 0 to 2147483647"],
    ["too large an update", { new_failures: 2 ** 31 }, "new_failures: must be an integer"],
    ["a counter as a text", { new_success: "1" }, "new_success: must be an integer"],
    ["too high a priority", { priority: 1001 }, "priority: must be an integer from -1000 to 1000"],
    ["a large result", { status: "Success", result: "x".repeat(65_535) }, "result: must take at most 65536 bytes"],
    ["an unknown field", { status: "Success", state: 1 }, "state: is not a known field"],
  ])("%s", (_what, body, fault) => {
    const { value, faults } = judge((list) => readPatch(body, list));
    expect(value).toBeUndefined();
    expect(faults.join("\n")).toContain(fault);
  });

  it("with all faults at once", () => {
    const { faults } = judge((list) =>
      readPatch({ status: "Done", new_success: -1, priority: "high", x: 1, metadata: [] }, list),
    );
    expect(faults).toHaveLength(5);
  });
});

describe("PATCH takes", () => {
  it.each([
    [{ status: "Success" }, { verb: "succeed", fields: {} }],
    [
      { status: "Success", result: 0, new_success: 0 },
      { verb: "succeed", fields: { result: 0, new_success: 0 } },
    ],
    [
      { status: "Failure", failure_reason: "x", metadata: null },
      { verb: "fail", fields: { failure_reason: "x" } },
    ],
    [{ status: "Skipped" }, { verb: "skip", fields: {} }],
    [
      { status: "Skipped", failure_reason: "nothing new", result: [] },
      { verb: "skip", fields: { failure_reason: "nothing new", result: [] } },
    ],
    [
      { status: null, priority: 0 },
      { verb: "update", fields: { priority: 0 } },
    ],
    [
      { new_success: 0, metadata: {} },
      { verb: "update", fields: { new_success: 0, metadata: {} } },
    ],
    [{ result: false }, { verb: "update", fields: { result: false } }],
    [{ run_at: null }, { verb: "update", fields: { run_at: null } }],
    // A heartbeat.
    [{}, { verb: "update", fields: {} }],
    [
      { metadata: null, priority: null },
      { verb: "update", fields: {} },
    ],
    [
      { new_success: 0, new_failures: 0 },
      { verb: "update", fields: { new_success: 0, new_failures: 0 } },
    ],
  ])("%j", (body, report) => {
    expect(judge((faults) => readPatch(body, faults))).toEqual({ value: report, faults: [] });
  });
});

describe("PUT", () => {
  it.each([[{ new_success: 1.5 }], [{ new_success: 1, new_failures: -1 }], [[1]], [{ new_success: 1, x: 1 }]])(
    "refuses %j",
    (body) => {
      const { value, faults } = judge((list) => readPut(body, list));
      expect(value).toBeUndefined();
      expect(faults).not.toEqual([]);
    },
  );

  it.each([[{}], [{ new_success: 0 }], [{ new_success: null }]])("takes %j for a heartbeat", (body) => {
    const { value, faults } = judge((list) => readPut(body, list));
    expect([value, faults]).toEqual([{ success: 0, failures: 0 }, []]);
  });

  it("counts what is left out as zero", () => {
    expect(judge((faults) => readPut({ new_failures: 3 }, faults)).value).toEqual({ success: 0, failures: 3 });
  });
});

describe("an override", () => {
  const long = "😀".repeat(1_000);
  it.each<[string, unknown, readonly string[]]>([
    ["nothing", undefined, ["body: must be an object"]],
    ["no field", {}, ["status: is required", "reason: is required"]],
    [
      "another status, and a blank reason",
      { status: "Canceled", reason: " " },
      ["status: must be one of Success, Failure, Skipped", "reason: must be a text of 1 to 1000"],
    ],
    ["a long reason", { status: "Success", reason: `${long}a` }, ["reason: must be a text of 1 to 1000 characters"]],
    [
      "a large result, and an unknown field",
      { status: "Success", reason: "x", result: "x".repeat(65_535), why: 1 },
      ["result: must take at most 65536 bytes", "why: is not a known field"],
    ],
  ])("refuses %s", (_, body, says) => {
    for (const read of [readOverride, readOverrideMessage]) {
      const { value, faults } = judge((list) => read(body, list));
      expect(value).toBeUndefined();
      expect(faults).toHaveLength(says.length);
      for (const fault of says) expect(faults.join("\n")).toContain(fault);
    }
  });

  it("is a status, a reason, and a result where there is one; by NATS also an attempt", () => {
    const sent = { status: "Skipped", reason: long, result: null };
    const override = { status: "Skipped", reason: long };
    expect(judge((faults) => readOverride(sent, faults)).value).toEqual(override);
    expect(judge((faults) => readOverrideMessage({ ...sent, attempt: null }, faults)).value).toEqual({ override });
    expect(judge((faults) => readOverrideMessage({ ...sent, result: 0, attempt: 2 }, faults)).value).toEqual({
      ...{ override: { ...override, result: 0 }, attempt: 2 },
    });
    expect(judge((faults) => readOverride({ ...sent, attempt: 1 }, faults)).faults).toEqual([
      "attempt: is not a known field",
    ]);
  });
});

describe("a NATS command", () => {
  it("of progress is the counters and the attempt", () => {
    expect(judge((faults) => readProgress({ new_success: 2, attempt: 1 }, faults)).value).toEqual({
      ...{ success: 2, failures: 0, attempt: 1 },
    });
    expect(judge((faults) => readProgress({}, faults)).value).toEqual({ success: 0, failures: 0 });
    expect(judge((faults) => readProgress({ attempt: -1 }, faults)).value).toBeUndefined();
  });

  it("is the PATCH fields and the attempt", () => {
    expect(judge((faults) => readCommand("succeed", { result: 1, attempt: 2 }, faults)).value).toEqual({
      fields: { result: 1 },
      attempt: 2,
    });
    expect(judge((faults) => readCommand("cancel", {}, faults)).value).toEqual({ fields: {} });
    expect(judge((faults) => readCommand("skip", { failure_reason: "x" }, faults)).value).toEqual({
      fields: { failure_reason: "x" },
    });
  });

  it.each(["cancel", "pause", "resume"] as const)("to %s may say why, in 1,000 characters", (verb) => {
    const read = (body: object) => judge((faults) => readCommand(verb, body, faults));
    const long = "\u{1f600}".repeat(1_000);
    expect(read({ reason: long, attempt: 1 }).value).toEqual({ fields: {}, attempt: 1, reason: long });
    for (const none of ["", " ", null]) expect(read({ reason: none }).value).toEqual({ fields: {} });
    expect(read({ reason: `${long}!` }).faults).toEqual([
      expect.stringMatching(/^reason: must be a text of at most 1000 characters/),
    ]);
    expect(read({ reason: 7 }).faults).toEqual([expect.stringMatching(/^reason: must be a text/)]);
    expect(read({ actor: "token:alice" }).faults).toEqual(["actor: is not a known field"]);
  });

  it("says nothing that its verb has no use for", () => {
    expect(judge((faults) => readCommand("fail", {}, faults)).faults).toEqual([
      "failure_reason: is required with status Failure",
    ]);
    expect(judge((faults) => readCommand("update", { failure_reason: "x" }, faults)).faults).toEqual([
      "failure_reason: must be given with status Failure or Skipped alone",
    ]);
    expect(judge((faults) => readCommand("pause", { priority: 1 }, faults)).faults).toEqual([
      "priority: says nothing with pause",
    ]);
    expect(judge((faults) => readCommand("cancel", { failure_reason: "no use", result: 1 }, faults)).faults).toEqual([
      "failure_reason: says nothing with cancel",
      "result: says nothing with cancel",
    ]);
    for (const verb of ["succeed", "update"] as const)
      expect(judge((faults) => readCommand(verb, { reason: "no use" }, faults)).faults).toEqual([
        `reason: says nothing with ${verb}`,
      ]);
    expect(judge((faults) => readCommand("succeed", { status: "Success" }, faults)).faults).toEqual([
      "status: is not a known field",
    ]);
  });
});
