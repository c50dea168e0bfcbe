// Consequences that run over several levels in one turn: cascades, both kinds of loss at once, dead ends and barriers,
// chains too long for recursion. Everything is loaded beforehand, so no statement is sent.
import { describe, expect, it } from "vitest";
import type { TaskSpec } from "#test/reference";
import { Harness } from "./harness.ts";

const req = (id: string) => ({ id, requires_success: true });
const on = (id: string, condition: "always" | "on_success" | "on_failure") => ({ id, condition });

async function outcome(specs: readonly TaskSpec[], end: "succeed" | "fail" | "cancel", id: string, deadEnds = true) {
  const harness = new Harness(specs, deadEnds);
  if (end !== "cancel") await harness.tell("claim", id);
  await harness.tell(end, id);
  return Object.fromEntries([...harness.rows].map(([name, row]) => [name, row.status]));
}

describe("a failure", () => {
  it("runs down the chain of what requires it, and stops where nothing does", async () => {
    const specs: TaskSpec[] = [
      { id: "a" },
      { id: "b", dependencies: [req("a")] },
      { id: "c", dependencies: [req("b")] },
      { id: "d", dependencies: [{ id: "c" }] },
    ];
    expect(await outcome(specs, "fail", "a")).toEqual({ a: "Failure", b: "Failure", c: "Failure", d: "Pending" });
    expect(await outcome(specs, "cancel", "a")).toEqual({ a: "Canceled", b: "Failure", c: "Failure", d: "Pending" });
  });

  it("skips what waits for success, and notify-always steps still run", async () => {
    const specs: TaskSpec[] = [
      { id: "a" },
      { id: "deploy", dependencies: [on("a", "on_success")] },
      { id: "verify", dependencies: [on("deploy", "on_success")] },
      { id: "undo", dependencies: [on("deploy", "on_failure")] },
      { id: "notify", dependencies: [on("verify", "always"), on("undo", "always")] },
      { id: "alarm", dependencies: [on("a", "on_failure")] },
    ];
    expect(await outcome(specs, "fail", "a")).toEqual({
      a: "Failure",
      deploy: "Skipped",
      verify: "Skipped",
      undo: "Skipped",
      notify: "Pending",
      alarm: "Pending",
    });
  });

  it("fails a child that a condition would skip, also where the required parent is lost a level later", async () => {
    for (const depth of [1, 2, 6]) {
      const middle = Array.from(
        { length: depth },
        (_, i): TaskSpec => ({ id: `m${i}`, dependencies: [req(i === 0 ? "a" : `m${i - 1}`)] }),
      );
      const specs: TaskSpec[] = [
        { id: "a" },
        ...middle,
        { id: "both", dependencies: [on("a", "on_success"), req(`m${depth - 1}`)] },
        { id: "rescue", dependencies: [on("both", "on_failure")] },
      ];
      expect(await outcome(specs, "fail", "a")).toMatchObject({ both: "Failure", rescue: "Pending" });
    }
  });

  it("skips a child whose other, required parent is still under way", async () => {
    const specs: TaskSpec[] = [{ id: "a" }, { id: "b" }, { id: "c", dependencies: [on("a", "on_success"), req("b")] }];
    expect(await outcome(specs, "fail", "a", false)).toEqual({ a: "Failure", b: "Pending", c: "Skipped" });
  });
});

describe("dead ends", () => {
  const chain = (barrier: string): TaskSpec[] =>
    ["a", "b", "c", "d"].map((id, i, all) => ({
      id,
      dead_end_barrier: id === barrier,
      dependencies: i === 0 ? [] : [{ id: all[i - 1] as string }],
    }));

  it("climb to the top", async () => {
    const canceled = { a: "Canceled", b: "Canceled", c: "Canceled", d: "Canceled" };
    expect(await outcome(chain(""), "cancel", "d")).toEqual(canceled);
    expect(await outcome(chain(""), "cancel", "d", false)).toEqual({
      a: "Pending",
      b: "Waiting",
      c: "Waiting",
      d: "Canceled",
    });
  });

  it("stop at a barrier, which may be canceled itself", async () => {
    expect(await outcome(chain("c"), "cancel", "d")).toEqual({
      a: "Pending",
      b: "Waiting",
      c: "Canceled",
      d: "Canceled",
    });
    expect(await outcome(chain("a"), "cancel", "d")).toMatchObject({ a: "Canceled" });
  });

  it("begin at a barrier that was canceled by somebody: it stops the climb, not its own end", async () => {
    expect(await outcome(chain("d"), "cancel", "d")).toMatchObject({ a: "Canceled", b: "Canceled", c: "Canceled" });
  });

  it("judge all parents before any is canceled, so that a barrier holds also beside a short cut", async () => {
    const specs: TaskSpec[] = [
      { id: "top" },
      { id: "gate", dead_end_barrier: true, dependencies: [{ id: "top" }] },
      { id: "leaf", dependencies: [{ id: "gate" }, { id: "top" }] },
    ];
    expect(await outcome(specs, "cancel", "leaf")).toEqual({ top: "Pending", gate: "Canceled", leaf: "Canceled" });
  });

  it("come after the news has run down: what fails with a parent is a failure, not a dead end", async () => {
    const specs: TaskSpec[] = [
      { id: "a" },
      { id: "m", dependencies: [req("a")] },
      { id: "n", dependencies: [req("m")] },
      { id: "q", dependencies: [req("n")] },
      { id: "x", dependencies: [req("a"), req("q")] },
    ];
    expect(await outcome(specs, "fail", "a")).toMatchObject({ m: "Failure", n: "Failure", q: "Failure", x: "Failure" });
  });

  it("cancel the other parents of what failed", async () => {
    const specs: TaskSpec[] = [{ id: "a" }, { id: "b" }, { id: "c", dependencies: [req("a"), req("b")] }];
    expect(await outcome(specs, "fail", "a")).toEqual({ a: "Failure", b: "Canceled", c: "Failure" });
  });
});

it("goes down and up chains of thousands without recursion", async () => {
  const chain = Array.from(
    { length: 3000 },
    (_, i): TaskSpec => ({ id: `t${i}`, dependencies: i === 0 ? [] : [req(`t${i - 1}`)] }),
  );
  const down = await outcome(chain, "fail", "t0");
  expect(Object.values(down).every((status) => status === "Failure")).toBe(true);
  const up = await outcome(chain, "cancel", "t2999");
  expect(Object.values(up).every((status) => status === "Canceled")).toBe(true);
});
