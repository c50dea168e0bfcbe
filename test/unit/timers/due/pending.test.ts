// Which timers are sent: none twice while it waits, no more of one batch than its share, none of a batch that is locked.
import { expect, it } from "vitest";
import { PendingTimers, waitingMax } from "#timers/due/pending";

const timer = (id: string, batch = "b", at = "first") => ({ id, batch, at });

function make() {
  const waiting = new Set<string>();
  const pending = new PendingTimers((id) => waiting.has(id));
  /** Tells as the loop does: what is sent waits. */
  const tell = (which: ReturnType<typeof timer>, nowMs: number) => {
    const choice = pending.choose(which, nowMs);
    if (choice === "tell") waiting.add(which.id);
    return choice;
  };
  return { waiting, pending, tell };
}

it("tells a timer once while it waits, however long that takes", () => {
  const { pending, tell } = make();
  expect(tell(timer("a"), 0)).toBe("tell");
  for (const nowMs of [10, 5_000, 600_000]) {
    pending.refresh(nowMs);
    expect(tell(timer("a"), nowMs)).toBe("known");
  }
});

it("tells it again when its turn came and went without deciding it", () => {
  const { pending, tell, waiting } = make();
  tell(timer("a"), 0);
  waiting.clear();
  pending.refresh(1_000);
  expect(tell(timer("a"), 1_000)).toBe("known");
  pending.refresh(2_001);
  expect(tell(timer("a"), 2_001)).toBe("tell");
});

it("tells the next timer of a task at once", () => {
  const { tell, waiting } = make();
  tell(timer("a"), 0);
  waiting.clear();
  expect(tell(timer("a", "b", "second"), 1)).toBe("tell");
});

it("gives a batch its share and goes on with others", () => {
  const { pending, tell } = make();
  for (let n = 0; n < waitingMax.ofBatch; n++) expect(tell(timer(`a${n}`), 0)).toBe("tell");
  expect(tell(timer("a"), 0)).toBe("later");
  expect(tell(timer("x", "other"), 0)).toBe("tell");
  // It moves: its share is free again.
  pending.refresh(500);
  expect(tell(timer("a"), 500)).toBe("later");
});

it("takes a batch for locked whose timers have waited for a second, until they move", () => {
  const { pending, tell, waiting } = make();
  tell(timer("a"), 0);
  pending.refresh(1_001);
  expect(tell(timer("b"), 1_001)).toBe("known");
  expect(tell(timer("x", "other"), 1_001)).toBe("tell");
  waiting.delete("a");
  pending.refresh(1_002);
  expect(tell(timer("b"), 1_002)).toBe("tell");
});

it("is full when as many wait as may in all", () => {
  const { pending, tell, waiting } = make();
  for (let n = 0; n < waitingMax.all; n++) expect(tell(timer(`a${n}`, `b${n}`), 0)).toBe("tell");
  expect([pending.isFull, tell(timer("x", "other"), 0)]).toEqual([true, "full"]);
  waiting.clear();
  pending.refresh(1);
  expect([pending.isFull, tell(timer("x", "other"), 1)]).toEqual([false, "tell"]);
});
