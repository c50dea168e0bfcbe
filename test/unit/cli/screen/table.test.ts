// The pictures of the demo: what a line says of a task, and that no line is wider than the terminal.
import { describe, expect, it } from "vitest";
import { fan } from "../../../../src/cli/screen/fan.ts";
import { type DemoView, looks, statuses } from "../../../../src/cli/screen/picture.ts";
import { noteOf, table } from "../../../../src/cli/screen/table.ts";
import { bar, cut, width } from "../../../../src/cli/screen/terminal.ts";
import type { Task } from "../../../../src/sdk/client.ts";

const beganMs = Date.parse("2026-01-01T00:00:00.000Z");
const at = (ms: number) => new Date(beganMs + ms).toISOString();
const task = (over: Partial<Task>): Task =>
  ({
    id: "i",
    local_id: "build",
    status: "Waiting",
    started_at: null,
    ended_at: null,
    success: 0,
    failures: 0,
    ...over,
  }) as Task;
const view = (tasks: Task[], links: DemoView["dag"]["links"] = []): DemoView => {
  return { title: "x", dag: { tasks, links }, beganMs, nowMs: beganMs + 2000, frame: 0 };
};
const plain = (columns: number) => ({ columns, paint: (_: unknown, text: string) => text });

describe("a line", () => {
  it("shows state, time and when it ran", () => {
    const [line] = table(
      view([task({ status: "Success", started_at: at(1000), ended_at: at(1500) })]),
      plain(100),
    ).slice(3);
    expect(line).toMatch(/✔ build {2}Success {5}0\.50 s {2} +━+ +$/);
  });

  it("names the parents that are still open", () => {
    const parent = task({ id: "p", local_id: "lint", status: "Running", started_at: at(0) });
    const link = { parent_id: "p", child_id: "i", requires_success: true, condition: null };
    expect(noteOf({ tasks: [parent, task({})], links: [link] })(task({}))).toBe("after lint");
  });

  it("names a failed parent by its name", () => {
    const id = "0199f000-0000-7000-8000-000000000001";
    const failed = task({ status: "Failure", failure_reason: `Required parent task ${id} failed` });
    expect(noteOf({ tasks: [task({ id, local_id: "lint" })], links: [] })(failed)).toBe(
      "Required parent task lint failed",
    );
  });

  it("says Baton's reasons in fewer words where they do not fit", () => {
    const line = (failure_reason: string, columns: number) =>
      table(
        view([task({ local_id: "x".repeat(24), status: "Failure", failure_reason })]),
        plain(columns),
      )[3]?.trimEnd();
    const failed = "Required parent task browser-tests failed";
    expect(line(failed, 200)).toContain(failed);
    expect(line(failed, 80)).toMatch(/ {2}browser-tests fa…$/);
    expect(line("Condition on_success of release not met: it is Failure", 80)).toMatch(/ {2}release is Failu…$/);
    expect(line("All child tasks already terminated", 80)).toMatch(/ {2}no longer needed$/);
    expect(line("what a service said is cut", 80)).toMatch(/ {2}what a service…$|what a service .{1,4}…$/);
  });

  it("keeps its columns where letters are wide, or are none by themselves", () => {
    const names = ["ビルド", "e\u0301te", "plain", "✅"];
    const lines = table(view(names.map((local_id, i) => task({ id: `${i}`, local_id }))), plain(80)).slice(3, -1);
    expect(new Set(lines.map((line) => width(line.slice(0, line.indexOf("Waiting"))))).size).toBe(1);
    expect(width("ビルド")).toBe(6);
    expect(width("e\u0301te")).toBe(3);
    expect(cut("ビルド", 5)).toBe("ビル…");
  });

  it("counts progress", () => {
    const running = task({ status: "Running", expected_count: 9, success: 3, failures: 1 });
    expect(noteOf({ tasks: [], links: [] })(running)).toBe("4/9, 1 failed");
  });
});

it.each([40, 80, 100, 200])("fits into %i columns", (columns) => {
  const tasks = statuses.map((status, i) =>
    task({ id: `${i}`, local_id: `task-${i}`, status, started_at: at(0), failure_reason: "long ".repeat(40) }),
  );
  const lines = columns < 60 ? fan(view(tasks), plain(columns)).slice(0, -2) : table(view(tasks), plain(columns));
  for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns);
});

it("a group of the large picture is what stands before the number", () => {
  const tasks = ["a-1", "a-2", "b-c-1", "load-b-c", "end"].map((local_id) =>
    task({ id: local_id, local_id, status: "Success" }),
  );
  const names = fan(view(tasks), plain(80)).map((line) => line.trim().split(" ")[0]);
  expect(names).toEqual(expect.arrayContaining(["a", "b-c", "load-b", "end", "tasks", "counted"]));
});

it("every state looks different", () => {
  expect(new Set(Object.values(looks).map((look) => look.icon)).size).toBe(statuses.length);
});

it("bars and cuts keep their width", () => {
  for (const share of [-1, 0, 0.01, 0.5, 0.999, 1, 2, Number.NaN]) {
    const { full, rest } = bar(share || 0, 10);
    expect(width(full + rest)).toBe(10);
  }
  expect(cut("abcdef", 4)).toBe("abc…");
  expect(cut("abc", 3)).toBe("abc");
});
