// Which lane decides what, the order in which it is taken, and that nobody waits while something is there.
import { describe, expect, it } from "vitest";
import { type Item, type LocalCommand, laneOf, Mailbox, targetOf } from "#actor/mailbox";
import { limits } from "#config";
import { stays, until, within } from "#test/until";
import { ask, asked, told } from "./rows.ts";

const of = { task: "a", claimId: 1 };
const started = (task: string): Item => told({ type: "started", task, claimId: 1 });
const never = () => false;

it.each([
  ["succeed", "ending"],
  ["fail", "ending"],
  ["cancel", "ending"],
  ["pause", "ending"],
  ["resume", "ending"],
  ["update", "row"],
  ["stop_batch", "ending"],
  ["pause_batch", "ending"],
  ["resume_batch", "ending"],
] as const)("%s of a client goes to the %s lane", (verb, lane) => {
  expect(laneOf(asked(ask(verb)))).toBe(lane);
  expect(targetOf(asked(ask(verb, "x")))).toBe("x");
});

it.each([
  [{ type: "started", ...of }, "row"],
  [{ type: "start_deferred", until: new Date(0), ...of }, "row"],
  [{ type: "released", ...of }, "row"],
  [{ type: "lease_expired", ...of }, "row"],
  [{ type: "start_failed", reason: "", ...of }, "ending"],
  [{ type: "joined", ...of }, "ending"],
  [{ type: "answered", result: null, ...of }, "ending"],
  [{ type: "due", task: "a", ends: true }, "ending"],
  [{ type: "due", task: "a", ends: false }, "row"],
] as const)("%j goes to the %s lane", (command, lane) => {
  expect(laneOf(told(command as LocalCommand))).toBe(lane);
});

describe("taking", () => {
  const ids = (items: readonly Item[]) => items.map(targetOf);
  const filled = (...names: string[]) => {
    const mailbox = new Mailbox();
    for (const name of names) mailbox.put(started(name));
    return mailbox;
  };

  it("is in order, up to the maximum", () => {
    const mailbox = filled("a", "b", "c");
    expect(ids(mailbox.take("row", 2, never))).toEqual(["a", "b"]);
    expect(ids(mailbox.take("row", 2, never))).toEqual(["c"]);
    expect(mailbox.take("row", 2, never)).toEqual([]);
  });

  it("gives what goes alone by itself, and what is before it first", () => {
    const mailbox = filled("a", "b", "big", "c");
    const alone = (item: Item) => targetOf(item) === "big";
    expect([1, 2, 3].map(() => ids(mailbox.take("row", 9, alone)))).toEqual([["a", "b"], ["big"], ["c"]]);
  });

  it("puts what could not be decided first again, in its order", () => {
    const mailbox = filled("a", "b", "c");
    mailbox.putBack("row", mailbox.take("row", 2, never));
    expect(ids(mailbox.take("row", 9, never))).toEqual(["a", "b", "c"]);
  });

  it("finds the start outcomes of tasks that end in the other lane, and nothing else", () => {
    const mailbox = filled("a", "b");
    mailbox.put(told({ type: "released", task: "a", claimId: 1 }));
    expect(ids(mailbox.takeStarted(new Set(["a", "z"])))).toEqual(["a"]);
    expect(mailbox.size("row")).toBe(2);
    expect(mailbox.takeStarted(new Set(["a"]))).toEqual([]);
  });
});

describe("the outcome of a start, while reports come in", () => {
  const outcome = (task: string) => ({ type: "started", task, claimId: 1 }) as const;
  const busy = () => {
    const mailbox = new Mailbox();
    mailbox.put(asked(ask("succeed")));
    mailbox.take("ending", 1, never);
    return mailbox;
  };

  it("waits for the report of its task", () => {
    const mailbox = busy();
    mailbox.tell(outcome("a"));
    expect([mailbox.size("row"), mailbox.total]).toEqual([0, 1]);
    expect(mailbox.takeStarted(new Set(["b", "a"])).map(targetOf)).toEqual(["a"]);
    expect(mailbox.total).toBe(0);
  });

  it("waits no longer than that, and each goes on in its order", async () => {
    const mailbox = busy();
    mailbox.tell(outcome("a"));
    mailbox.tell(outcome("b"));
    await within(() => mailbox.wait("row"), limits.restMs + 1_000);
    await until(() => mailbox.size("row") === 2);
    expect(mailbox.take("row", 9, never).map(targetOf)).toEqual(["a", "b"]);
    expect(mailbox.total).toBe(0);
  });

  it("is there at once where no report came lately, and where it is no success", () => {
    const quiet = new Mailbox();
    quiet.tell(outcome("a"));
    expect(quiet.size("row")).toBe(1);
    const mailbox = busy();
    mailbox.tell({ type: "released", task: "a", claimId: 1 });
    expect(mailbox.size("row")).toBe(1);
  });

  it("waits no more where reports come later than that, but for a few", async () => {
    const mailbox = busy();
    for (let i = 0; i < 60; i++) mailbox.tell(outcome(`slow${i}`));
    await until(() => mailbox.size("row") === 60);
    mailbox.put(asked(ask("succeed")));
    mailbox.take("ending", 1, never);
    for (let i = 0; i < 320; i++) mailbox.tell(outcome(`next${i}`));
    const waiting = mailbox.total - mailbox.size("row");
    expect(waiting).toBeGreaterThan(0);
    expect(waiting).toBeLessThan(100);
  });

  it("is kept where a second one of its task comes", () => {
    const mailbox = busy();
    mailbox.tell(outcome("a"));
    mailbox.tell({ ...outcome("a"), claimId: 2 });
    expect(mailbox.total).toBe(2);
  });
});

describe("waiting", () => {
  it("ends at once where something is there, and when something comes, in its lane only", async () => {
    const mailbox = new Mailbox();
    let ended = false;
    const waiting = mailbox.wait("row").then(() => {
      ended = true;
    });
    mailbox.put(asked(ask("cancel")));
    await stays(() => !ended, 30);
    mailbox.put(started("a"));
    await within(() => waiting, 1_000);
    await within(() => mailbox.wait("row"), 1_000);
    await within(() => mailbox.wait("ending"), 1_000);
  });

  it("ends on a nudge, and when commands are put back", async () => {
    const mailbox = new Mailbox();
    const nudged = mailbox.wait("ending");
    mailbox.nudge("ending");
    await within(() => nudged, 1_000);
    const again = mailbox.wait("ending");
    mailbox.putBack("ending", [asked(ask("cancel"))]);
    await within(() => again, 1_000);
  });
});
