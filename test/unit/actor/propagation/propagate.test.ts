// Consequences that run over several levels in one turn: cascades, both kinds of loss at once, dead ends and barriers,
// chains too long for recursion.
import { describe, expect, it } from "vitest";
import { propagate } from "#actor/propagation/propagate";
import type { Link, TaskRow } from "#domain/row";
import { advance } from "#domain/turn/step";
import type { TaskSpec } from "#test/reference";
import { Harness } from "../harness.ts";
import { batchId, batchOf, relativesIn, stateOf, task } from "../rows.ts";

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

it("reaches each child once, also where what is further below was read ahead", async () => {
  for (const depth of [1, 4, 5, 6, 9]) {
    const chain = Array.from(
      { length: depth },
      (_, i): TaskSpec => ({ id: `m${i}`, dependencies: i === 0 ? [] : [req(`m${i - 1}`)] }),
    );
    const bystanders = chain.map(({ id }): TaskSpec => ({ id: `b-${id}`, dependencies: [{ id }, { id: "open" }] }));
    const specs = [{ id: "open" }, ...chain, ...bystanders];
    const waiting = bystanders.map(({ id }) => [id, "Waiting"]);
    expect(await outcome(specs, "fail", "m0"), `${depth} deep`).toMatchObject(Object.fromEntries(waiting));
  }
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

  it("begin at a barrier that a client canceled: a barrier stops the climb of others, not of its own end", async () => {
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

it("goes on up in one batch of a turn where another one, in which something has still to come down, may not", async () => {
  const batches = ["00000000-0000-7000-8000-0000000000b1", "00000000-0000-7000-8000-0000000000b2"] as const;
  // The rank of the first one's parent is higher: it is looked at before the other.
  const pairs = batches.map((batchId, n) => [
    task({ id: `parent ${n}`, batchId, rank: 8 - n, children: 1, openChildren: 1 }),
    task({ id: `child ${n}`, batchId, rank: 9 - n, status: "Waiting", waitFinished: 1 }),
  ]);
  const rows = pairs.flat();
  const links = pairs.map(([parent, child]) => linkOf(parent as TaskRow, child as TaskRow));
  const state = stateOf(rows);
  for (const id of batches) state.batches.set(id, { ...batchOf(2, 2), id });
  for (const [, child] of pairs) advance(state, child as TaskRow, { type: "cancel" }, {});
  await propagate(state, relativesIn(new Map(rows.map((row) => [row.id, row])), links), {
    ...{ linksMax: 100, tasksMax: 100, rankMin: 0, rankMax: Number.POSITIVE_INFINITY },
    mayClimb: (batch) => batch === batches[1],
  });
  expect(rows.map(({ id, status }) => [id, status])).toEqual([
    ["parent 0", "Pending"],
    ["child 0", "Canceled"],
    ["parent 1", "Canceled"],
    ["child 1", "Canceled"],
  ]);
  expect(state.steps.left()).toMatchObject([{ taskId: "parent 0", step: "up" }]);
});

it("reads hardly more parents of the tasks that it judges than its budget has links", async () => {
  const linksMax = 400;
  const parents = Array.from({ length: 20 }, (_, i) => task({ id: `parent ${i}`, status: "Failure" }));
  const children = Array.from({ length: 400 }, (_, i) =>
    task({ id: `child ${i}`, status: "Waiting", waitFinished: 20, waitSuccess: 20, rank: i + 20 }),
  );
  const links = children.flatMap((child) => parents.map((parent) => ({ ...linkOf(parent, child), ...required })));
  const rows = new Map([...parents, ...children].map((row) => [row.id, row]));
  const state = stateOf([]);
  state.batches.set(batchId, { ...batchOf(420, 400), links: links.length });
  for (const { id, rank } of children) state.push({ batchId, taskId: id, rank, ...toJudge });
  let read = 0;
  const relatives = relativesIn(rows, links);
  const counting = {
    ...relatives,
    parentLinks: async (ids: readonly string[]) => {
      const found = await relatives.parentLinks(ids);
      read += found.length;
      return found;
    },
  };
  const rest = { tasksMax: 1_000, rankMin: 0, rankMax: Number.POSITIVE_INFINITY, mayClimb: () => false };
  await propagate(state, counting, { linksMax, ...rest });
  expect(state.finished).toHaveLength(linksMax / parents.length);
  expect(read).toBeLessThanOrEqual(1.1 * linksMax);
});

const required = { edge: "requires_success" } as const;
const toJudge = { step: "judge", status: null, children: 0, after: null, upto: -1 } as const;
const linkOf = ({ id: parent }: TaskRow, { id: child }: TaskRow): Link => ({ parent, child, edge: "always" });
