// What PATCH, PUT and NATS commands may say about a task, field by field and together.
import { describe, expect, it } from "vitest";
import { Faults } from "#domain/schema/decode";
import { readCommand, readPatch, readPut } from "#domain/schema/report";

function judge<T>(read: (faults: Faults) => T): { value: T; faults: readonly string[] } {
  const faults = new Faults();
  const value = read(faults);
  return { value, faults: faults.list };
}

describe("PATCH refuses", () => {
  it.each<[string, unknown, string]>([
    ["nothing", undefined, "body: must be an object"],
    ["an array", [], "body: must be an object"],
    ["no change", {}, "body: must change something"],
    ["zero counters alone", { new_success: 0, new_failures: 0 }, "body: must change something"],
    ["nulls alone", { metadata: null, priority: null }, "body: must change something"],
    ["another status", { status: "Running" }, "status: must be one of Success, Failure"],
    ["Failure without a reason", { status: "Failure" }, "failure_reason: is required with status Failure"],
    ["Failure with a null reason", { status: "Failure", failure_reason: null }, "failure_reason: is required"],
    ["Failure with a blank reason", { status: "Failure", failure_reason: " " }, "failure_reason: must be a text"],
    ["Success with a reason", { status: "Success", failure_reason: "x" }, "failure_reason: must not be given"],
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
    [
      { status: null, priority: 0 },
      { verb: "update", fields: { priority: 0 } },
    ],
    [
      { new_success: 0, metadata: {} },
      { verb: "update", fields: { new_success: 0, metadata: {} } },
    ],
    [{ result: false }, { verb: "update", fields: { result: false } }],
  ])("%j", (body, report) => {
    expect(judge((faults) => readPatch(body, faults))).toEqual({ value: report, faults: [] });
  });
});

describe("PUT", () => {
  it.each([
    [{}],
    [{ new_success: 0 }],
    [{ new_success: null }],
    [{ new_success: 1.5 }],
    [{ new_success: 1, new_failures: -1 }],
    [[1]],
    [{ new_success: 1, x: 1 }],
  ])("refuses %j", (body) => {
    const { value, faults } = judge((list) => readPut(body, list));
    expect(value).toBeUndefined();
    expect(faults).not.toEqual([]);
  });

  it("counts what is left out as zero", () => {
    expect(judge((faults) => readPut({ new_failures: 3 }, faults)).value).toEqual({ success: 0, failures: 3 });
  });
});

describe("a NATS command", () => {
  it("is the PATCH fields and the attempt", () => {
    expect(judge((faults) => readCommand("succeed", { result: 1, attempt: 2 }, faults)).value).toEqual({
      fields: { result: 1 },
      attempt: 2,
    });
    expect(judge((faults) => readCommand("cancel", {}, faults)).value).toEqual({ fields: {} });
  });

  it("says nothing that its verb has no use for", () => {
    expect(judge((faults) => readCommand("fail", {}, faults)).faults).toEqual([
      "failure_reason: is required with status Failure",
    ]);
    expect(judge((faults) => readCommand("pause", { priority: 1 }, faults)).faults).toEqual([
      "priority: says nothing with pause",
    ]);
    expect(judge((faults) => readCommand("cancel", { failure_reason: "no use", result: 1 }, faults)).faults).toEqual([
      "result: says nothing with cancel",
    ]);
    expect(judge((faults) => readCommand("cancel", { failure_reason: "no use" }, faults)).value).toEqual({
      fields: { failure_reason: "no use" },
    });
    expect(judge((faults) => readCommand("succeed", { status: "Success" }, faults)).faults).toEqual([
      "status: is not a known field",
    ]);
  });
});
