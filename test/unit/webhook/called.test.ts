// What a process remembers of the receivers that it called.
import { expect, it } from "vitest";
import { Called } from "#webhook/called";
import type { Send } from "#webhook/send";

const called = new Called();
const send = (origin: string, error: string | null) => {
  const answer: Send = async () => ({ ok: error === null, error }) as never;
  return called.watching(answer)({ origin } as never);
};

it("keeps the newest failure of each, and forgets all once they are taken", async () => {
  await send("http://a", "HTTP 500");
  await send("http://a", "HTTP 503");
  await send("http://a", null);
  await send("http://b", null);
  await send("http://c", "x".repeat(2_000));
  const taken = called.take();
  expect(taken.map(({ receiver, error }) => [receiver, error])).toEqual([
    ["http://a", "HTTP 503"],
    ["http://b", undefined],
    ["http://c", "x".repeat(500)],
  ]);
  for (const { agoMs } of taken) expect(agoMs).toBeGreaterThanOrEqual(0);
  expect(called.take()).toEqual([]);
});
