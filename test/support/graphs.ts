// Shapes of batches, one command each, and what must have become of every task when it is answered. The same table is asked
// of the pure step and of the whole system. `ready` stands for Pending, Claimed and Running alike.
import type { TaskSpec } from "#test/reference";

export interface Case {
  readonly name: string;
  readonly tasks: readonly TaskSpec[];
  readonly command: readonly ["succeed" | "fail" | "cancel", string];
  readonly expected: Readonly<Record<string, string>>;
}

const wide = 1_000;
const req = (id: string) => ({ id, requires_success: true });
const on = (id: string, condition: "always" | "on_success" | "on_failure") => ({ id, condition });
const many = (prefix: string) => Array.from({ length: wide }, (_, i) => `${prefix}${i}`);
const all = (ids: readonly string[], status: string) => Object.fromEntries(ids.map((id) => [id, status]));

const links = many("c");
const chain: TaskSpec[] = links.map((id, i) => ({ id, dependencies: i === 0 ? [] : [req(links[i - 1] as string)] }));
const loose: TaskSpec[] = links.map((id, i) => ({ id, dependencies: i === 0 ? [] : [{ id: links[i - 1] as string }] }));
const middle = many("m");
const diamond = (edge: (id: string) => object): TaskSpec[] => [
  { id: "top" },
  ...middle.map((id) => ({ id, dependencies: [edge("top")] }) as TaskSpec),
  { id: "end", dependencies: middle.map(edge) } as TaskSpec,
];
const fanIn = (edge: (id: string) => object): TaskSpec[] => [
  ...middle.map((id) => ({ id })),
  { id: "end", dependencies: middle.map(edge) } as TaskSpec,
];
const others = middle.slice(1);
const pipeline: TaskSpec[] = [
  { id: "build" },
  { id: "deploy", dependencies: [on("build", "on_success")] },
  { id: "verify", dependencies: [on("deploy", "on_success")] },
  { id: "undo", dependencies: [on("deploy", "on_failure")] },
  { id: "notify", dependencies: [on("verify", "always"), on("undo", "always")] },
  { id: "alarm", dependencies: [on("build", "on_failure")] },
];
const torn: TaskSpec[] = [
  { id: "a" },
  { id: "b", dependencies: [req("a")] },
  { id: "c", dependencies: [on("a", "on_success"), req("b")] },
];
const barred: TaskSpec[] = [
  { id: "a" },
  { id: "b", dependencies: [{ id: "a" }], dead_end_barrier: true },
  { id: "c", dependencies: [{ id: "b" }] },
  { id: "d", dependencies: [{ id: "c" }] },
];

// biome-ignore format: a table is read by its rows
export const cases: readonly Case[] = [
  { name: "a chain, begun", tasks: chain, command: ["succeed", "c0"],
    expected: { ...all(links, "Waiting"), c0: "Success", c1: "ready" } },
  { name: "a chain that requires success, broken at once", tasks: chain, command: ["fail", "c0"], expected: all(links, "Failure") },
  { name: "a chain that requires nothing, broken at once", tasks: loose, command: ["fail", "c0"],
    expected: { ...all(links, "Waiting"), c0: "Failure", c1: "ready" } },
  { name: "a chain whose end is canceled", tasks: loose, command: ["cancel", "c999"], expected: all(links, "Canceled") },
  { name: "a diamond, begun", tasks: diamond(req), command: ["succeed", "top"],
    expected: { ...all(middle, "ready"), top: "Success", end: "Waiting" } },
  { name: "a diamond that requires success, broken", tasks: diamond(req), command: ["fail", "top"],
    expected: { ...all(middle, "Failure"), top: "Failure", end: "Failure" } },
  { name: "a diamond of successes, broken", tasks: diamond((id) => on(id, "on_success")), command: ["fail", "top"],
    expected: { ...all(middle, "Skipped"), top: "Failure", end: "Skipped" } },
  { name: "a diamond of always, broken", tasks: diamond((id) => on(id, "always")), command: ["fail", "top"],
    expected: { ...all(middle, "ready"), top: "Failure", end: "Waiting" } },
  { name: "a fan-in that requires success, one of them failed", tasks: fanIn(req), command: ["fail", "m0"],
    expected: { ...all(others, "Canceled"), m0: "Failure", end: "Failure" } },
  { name: "a fan-in that requires nothing, one of them failed", tasks: fanIn((id) => ({ id })), command: ["fail", "m0"],
    expected: { ...all(others, "ready"), m0: "Failure", end: "Waiting" } },
  { name: "a fan-in whose end is canceled", tasks: fanIn(req), command: ["cancel", "end"],
    expected: { ...all(middle, "Canceled"), end: "Canceled" } },
  { name: "conditions, after a success", tasks: pipeline, command: ["succeed", "build"],
    expected: { build: "Success", deploy: "ready", verify: "Waiting", undo: "Waiting", notify: "Waiting", alarm: "Skipped" } },
  { name: "conditions, after a failure: notify-always runs", tasks: pipeline, command: ["fail", "build"],
    expected: { build: "Failure", deploy: "Skipped", verify: "Skipped", undo: "Skipped", notify: "ready", alarm: "ready" } },
  // Skipped by the first parent, failed by the second, which fails with the same ancestor: both count at once.
  { name: "a task that is skipped and failed by one end", tasks: torn, command: ["fail", "a"],
    expected: { a: "Failure", b: "Failure", c: "Failure" } },
  { name: "a dead end below a barrier", tasks: barred, command: ["cancel", "d"],
    expected: { a: "ready", b: "Canceled", c: "Canceled", d: "Canceled" } },
  { name: "a barrier that is canceled itself", tasks: barred, command: ["cancel", "b"],
    expected: { a: "Canceled", b: "Canceled", c: "ready", d: "Waiting" } },
];

const isReady = (status: string) => status === "Pending" || status === "Claimed" || status === "Running";
export const seen = (status: string): string => (isReady(status) ? "ready" : status);
