// Which kind of turn decides what, the order in which it is taken, that commands of a locked batch wait by themselves and
// longer each time, that a timer is in it once, and that nobody waits while something is there.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Mailbox } from "#actor/mailbox";
import { limits } from "#config";
import { type Item, kindOf, type LocalCommand, targetOf } from "#domain/turn/items";
import { stays, within } from "#test/until";
import { ask, asked, local } from "./rows.ts";

const of = { task: "a", claimId: 1 };
const started = (task: string): Item => local({ type: "started", task, claimId: 1 });
const cancel = (task: string): Item => asked(ask("cancel", task));
const ids = (items: readonly Item[]) => items.map(targetOf);

it.each([
  ["succeed", "batch"],
  ["fail", "batch"],
  ["cancel", "batch"],
  ["pause", "batch"],
  ["resume", "batch"],
  ["update", "task"],
  ["stop_batch", "batch"],
  ["pause_batch", "batch"],
  ["resume_batch", "batch"],
  ["set_rules", "batch"],
] as const)("%s of a client is decided in a %s turn", (verb, kind) => {
  expect(kindOf(asked(ask(verb)))).toBe(kind);
  expect(targetOf(asked(ask(verb, "x")))).toBe("x");
});

it.each([
  [{ type: "started", ...of }, "task"],
  [{ type: "start_deferred", waitMs: 0, ...of }, "task"],
  [{ type: "released", ...of }, "task"],
  [{ type: "start_unsent", host: "h:80", error: "", counts: true, ...of }, "batch"],
  [{ type: "lease_expired", ...of }, "task"],
  [{ type: "start_failed", reason: "", ...of }, "batch"],
  [{ type: "start_unanswered", reason: "", ...of }, "batch"],
  [{ type: "joined", ...of }, "batch"],
  [{ type: "answered", result: null, ...of }, "batch"],
  [{ type: "due", task: "a", ends: true }, "batch"],
  [{ type: "due", task: "a", ends: false }, "task"],
] as const)("%j is decided in a %s turn", (command, kind) => {
  expect(kindOf(local(command as LocalCommand))).toBe(kind);
});

describe("taking", () => {
  const filled = (...names: string[]) => {
    const mailbox = new Mailbox();
    for (const name of names) mailbox.put(started(name));
    return mailbox;
  };

  it("is in order, up to the maximum", () => {
    const mailbox = filled("a", "b", "c");
    expect(ids(mailbox.take("task", 2))).toEqual(["a", "b"]);
    expect(ids(mailbox.take("task", 2))).toEqual(["c"]);
    expect(mailbox.take("task", 2)).toEqual([]);
  });

  it("puts what could not be decided first again, in its order", () => {
    const mailbox = filled("a", "b", "c");
    mailbox.putBack("task", mailbox.take("task", 2));
    expect(ids(mailbox.take("task", 9))).toEqual(["a", "b", "c"]);
  });

  it("brings the start outcomes of tasks that a batch turn decides, before their reports, and nothing else", () => {
    const mailbox = filled("a", "b");
    mailbox.put(local({ type: "released", task: "a", claimId: 1 }));
    for (const task of ["z", "a"]) mailbox.put(cancel(task));
    const taken = mailbox.take("batch", 9);
    expect(taken.map((item) => [item.from, targetOf(item)])).toEqual([
      ["local", "a"],
      ["client", "z"],
      ["client", "a"],
    ]);
    expect(mailbox.take("task", 9).map(({ command }) => "type" in command && command.type)).toEqual([
      "started",
      "released",
    ]);
  });
});

describe("the outcome of a start, while reports come in", () => {
  it("waits for the report of its task, and counts among what waits", () => {
    const mailbox = new Mailbox();
    mailbox.put(asked(ask("succeed")));
    mailbox.take("batch", 1);
    mailbox.tell({ type: "started", ...of });
    expect([mailbox.size("task"), mailbox.total]).toEqual([0, 1]);
    mailbox.put(asked(ask("succeed", "a")));
    expect(ids(mailbox.take("batch", 9))).toEqual(["a", "a"]);
    expect(mailbox.total).toBe(0);
  });

  it("is there at once where no report came lately, and where it is no success", () => {
    const quiet = new Mailbox();
    quiet.tell({ type: "started", ...of });
    expect(quiet.size("task")).toBe(1);
    const mailbox = new Mailbox();
    mailbox.put(asked(ask("succeed")));
    mailbox.take("batch", 1);
    mailbox.tell({ type: "released", ...of });
    expect(mailbox.size("task")).toBe(1);
  });
});

const batchesOf = (mailbox: Mailbox, max: number) => mailbox.takeBoxes(max).map(({ batch }) => batch);

describe("commands of a batch that was locked", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("wait in the box of their batch, all together, and apart from everything else", () => {
    const mailbox = new Mailbox();
    mailbox.wait("x", [cancel("a")], 1);
    mailbox.wait("x", [cancel("b")], 1);
    mailbox.wait("y", [cancel("c")], 1);
    mailbox.put(cancel("d"));
    expect([mailbox.total, mailbox.takeBoxes(9)]).toEqual([4, []]);
    expect(ids(mailbox.take("batch", 9))).toEqual(["d"]);
    vi.advanceTimersByTime(limits.boxPauseMs);
    expect(mailbox.takeBoxes(9).map(({ batch, tries, items }) => [batch, tries, ids(items)])).toEqual([
      ["x", 1, ["a", "b"]],
      ["y", 1, ["c"]],
    ]);
    expect([mailbox.total, mailbox.takeBoxes(9)]).toEqual([0, []]);
  });

  it.each([1, 2, 4, 6, 20])("wait longer each time: the %dth", (tries) => {
    const most = Math.min(limits.boxPauseMaxMs, limits.boxPauseMs * 2 ** (tries - 1));
    const mailbox = new Mailbox();
    mailbox.wait("x", [cancel("a")], tries);
    vi.advanceTimersByTime(Math.ceil(most / 2) - 1);
    expect(mailbox.takeBoxes(9)).toEqual([]);
    vi.advanceTimersByTime(most - Math.ceil(most / 2) + 1);
    expect(mailbox.takeBoxes(9)).toMatchObject([{ batch: "x", tries }]);
  });

  it("are not put off by others that find the batch locked later", () => {
    const mailbox = new Mailbox();
    mailbox.wait("x", [cancel("a")], 3);
    for (let ms = 0; ms < limits.boxPauseMs * 4; ms += 2) {
      vi.advanceTimersByTime(2);
      if (mailbox.takeBoxes(9).length > 0) return;
      mailbox.wait("x", [cancel(`${ms}`)], 1);
    }
    throw new Error("it never comes");
  });

  it("come together where they were locked once, as many as a turn takes", () => {
    const mailbox = new Mailbox();
    for (const batch of ["u", "v", "w"]) mailbox.wait(batch, [cancel(`${batch}1`), cancel(`${batch}2`)], 1);
    vi.advanceTimersByTime(limits.boxPauseMaxMs);
    expect(batchesOf(mailbox, 5)).toEqual(["u", "v"]);
    expect(batchesOf(mailbox, 1)).toEqual(["w"]);
  });

  it("come alone where they were locked more often, after those that were so less often", () => {
    const mailbox = new Mailbox();
    for (const [batch, tries] of [
      ["old", 5],
      ["older", 6],
      ["new", 1],
      ["newer", 1],
    ] as const)
      mailbox.wait(batch, [cancel("a")], tries);
    vi.advanceTimersByTime(limits.boxPauseMaxMs);
    expect([1, 2, 3, 4].map(() => batchesOf(mailbox, 9))).toEqual([["new", "newer"], ["old"], ["older"], []]);
  });

  it("end the wait for the time of a batch when it has come", async () => {
    const mailbox = new Mailbox();
    let ended = 0;
    const count = () => void ended++;
    void mailbox.whenUnlocked().then(count);
    mailbox.wait("x", [cancel("a")], 20);
    await vi.advanceTimersByTimeAsync(limits.boxPauseMaxMs / 2 - 1);
    expect(ended).toBe(0);
    await vi.advanceTimersByTimeAsync(limits.boxPauseMaxMs);
    expect(ended).toBe(1);
    void mailbox.whenUnlocked().then(count);
    await vi.advanceTimersByTimeAsync(0);
    expect(ended).toBe(2);
  });
});

describe("a timer", () => {
  const due = (task: string, ends = true) => ({ type: "due", task, ends }) as const;

  it("is in the mailbox once, however often a sweep finds it, until it is decided", () => {
    const mailbox = new Mailbox();
    for (let i = 0; i < 3; i++) mailbox.tell(due("a"));
    mailbox.tell(due("a", false));
    mailbox.tell(due("b"));
    expect([mailbox.total, mailbox.isWaiting("a"), mailbox.isWaiting("c")]).toEqual([2, true, false]);
    const [first, second] = mailbox.take("batch", 9) as [Item, Item];
    mailbox.tell(due("a"));
    mailbox.wait("x", [first], 1);
    mailbox.tell(due("a"));
    expect(mailbox.total).toBe(1);
    mailbox.settled(first);
    mailbox.settled(second);
    mailbox.tell(due("a"));
    expect([mailbox.size("batch"), mailbox.isWaiting("b")]).toEqual([1, false]);
  });

  it("keeps no claim from going back, which is said once: neither a timer nor what waits for an earlier claim", () => {
    const expired = (claimId: number) => ({ type: "lease_expired", task: "a", claimId }) as const;
    const mailbox = new Mailbox();
    mailbox.tell(due("a"));
    mailbox.tell(expired(1));
    mailbox.tell(expired(1));
    mailbox.tell({ ...expired(2), wasSent: true });
    expect(mailbox.take("task", 9).concat(mailbox.take("batch", 9))).toHaveLength(3);
    expect([mailbox.isWaiting("a"), mailbox.isWaiting("a", 1), mailbox.isWaiting("a", 3)]).toEqual([true, true, false]);
  });

  it("is not confused with another command of its task", () => {
    const mailbox = new Mailbox();
    mailbox.tell(due("a"));
    mailbox.settled(started("a"));
    expect(mailbox.isWaiting("a")).toBe(true);
  });
});

describe("waiting", () => {
  it("ends at once where something is there, and when something comes, for its kind only", async () => {
    const mailbox = new Mailbox();
    let ended = false;
    const waiting = mailbox.whenWaiting("task").then(() => {
      ended = true;
    });
    mailbox.put(asked(ask("cancel")));
    await stays(() => !ended, 30);
    mailbox.put(started("a"));
    await within(() => waiting, 1_000);
    await within(() => mailbox.whenWaiting("task"), 1_000);
    await within(() => mailbox.whenWaiting("batch"), 1_000);
  });

  it("ends on a nudge, and when commands are put back", async () => {
    const mailbox = new Mailbox();
    const nudged = mailbox.whenWaiting("batch");
    mailbox.nudge("batch");
    await within(() => nudged, 1_000);
    const again = mailbox.whenWaiting("batch");
    mailbox.putBack("batch", [asked(ask("cancel"))]);
    await within(() => again, 1_000);
  });
});
