// Who waits for whom under one key, in one process: one attempt at a time, its answer for all, ten seconds at most.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { once } from "#intake/once";
import { type Reply, reply } from "#intake/reply";
import type { Db } from "#store/pg/pool";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const key = (text: string, hash = "same") => ({ text, hash });
const dbThat = (up = true) => ({ up }) as unknown as Db;
const never = () => new Promise<Reply>(() => {});

/** Attempts that end when the test says so. */
function attempts() {
  const open: { resolve: (answer: Reply | "in_flight") => void; reject: (error: Error) => void }[] = [];
  const attempt = () => new Promise<Reply | "in_flight">((resolve, reject) => void open.push({ resolve, reject }));
  return { open, attempt };
}

it("makes one attempt for many equal calls, and another one for the next", async () => {
  const db = dbThat();
  const { open, attempt } = attempts();
  const calls = Array.from({ length: 20 }, () => once(db, key("k"), attempt));
  const other = once(db, key("other"), attempt);
  expect(open).toHaveLength(2);
  open[0]?.resolve(reply(201, "first"));
  open[1]?.resolve(reply(201, "other"));
  expect(new Set((await Promise.all(calls)).map(({ body }) => body))).toEqual(new Set(["first"]));
  expect((await other).body).toBe("other");
  void once(db, key("k"), attempt);
  expect(open).toHaveLength(3);
});

it("lets another body wait, and then find out for itself", async () => {
  const db = dbThat();
  const { open, attempt } = attempts();
  const first = once(db, key("k"), attempt);
  const others = [once(db, key("k", "b"), attempt), once(db, key("k", "b"), attempt)];
  expect(open).toHaveLength(1);
  open[0]?.reject(new Error("gone"));
  await expect(first).rejects.toThrow("gone");
  await vi.waitFor(() => expect(open).toHaveLength(2));
  open[1]?.resolve(reply(422, "used"));
  expect((await Promise.all(others)).map(({ status }) => status)).toEqual([422, 422]);
  expect(open).toHaveLength(2);
});

it("shares a failure: nothing was kept, each may repeat", async () => {
  const { open, attempt } = attempts();
  const db = dbThat();
  const calls = [once(db, key("k"), attempt), once(db, key("k"), attempt)];
  open[0]?.reject(new Error("gone"));
  expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(open).toHaveLength(1);
});

it("asks again while another process answers, for ten seconds", async () => {
  let asked = 0;
  const answer = once(dbThat(), key("k"), async () => (asked++ < 3 ? "in_flight" : reply(201, "first")));
  await vi.advanceTimersByTimeAsync(1_000);
  expect([(await answer).status, asked]).toEqual([201, 4]);
  const tired = once(dbThat(), key("k"), async () => "in_flight");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await tired).toMatchObject({ status: 409, headers: { "retry-after": "1" } });
});

it("waits ten seconds for a call of its own process, and leaves no timer behind", async () => {
  const db = dbThat();
  void once(db, key("k"), never);
  let ended = 0;
  const waiting = ["same", "b"].map((hash) => once(db, key("k", hash), never).finally(() => ended++));
  await vi.advanceTimersByTimeAsync(9_900);
  expect(ended).toBe(0);
  await vi.advanceTimersByTimeAsync(200);
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([409, 409]);
  expect(vi.getTimerCount()).toBe(0);
});

it("says that Postgres is away rather than that another process is slow", async () => {
  const db = dbThat(false);
  void once(db, key("k"), never);
  const waiting = expect(once(db, key("k"), never)).rejects.toMatchObject({ status: 503 });
  await vi.advanceTimersByTimeAsync(10_100);
  await waiting;
});
