// For how long a process has been alive: not while it stood still, nor while Postgres did not answer.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Alive } from "#timers/schedules/alive";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
afterEach(() => void vi.useRealTimers());

it("counts from its beginning", () => {
  const alive = new Alive({ upSinceMs: 0 });
  vi.advanceTimersByTime(5_000);
  expect(alive.ms).toBe(5_000);
  alive.stop();
});

it("begins anew when it has stood still for over a second", () => {
  const alive = new Alive({ upSinceMs: 0 });
  vi.advanceTimersByTime(5_000);
  const now = performance.now();
  const clock = vi.spyOn(performance, "now").mockReturnValue(now + 1_500);
  expect(alive.ms).toBe(0);
  clock.mockReturnValue(now + 2_400);
  expect(alive.ms).toBe(900);
  clock.mockRestore();
  alive.stop();
});

it("begins anew when Postgres is back, and is nothing while that is away", () => {
  const db = { upSinceMs: 0 };
  const alive = new Alive(db);
  vi.advanceTimersByTime(3_000);
  db.upSinceMs = Number.POSITIVE_INFINITY;
  expect(alive.ms).toBe(0);
  db.upSinceMs = performance.now() - 700;
  expect(alive.ms).toBe(700);
  alive.stop();
});
