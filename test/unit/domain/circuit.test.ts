// What a call's end says about its receiver, and how a receiver is named.
import { expect, it } from "vitest";
import { hostOf, verdictOf } from "#domain/circuit";

const now = new Date("2026-11-23T10:00:00.000Z");
const answer = (status: number, retryAfter: string | null = null) => ({ status, retryAfter, error: null });
const none = (error: string) => ({ status: null, retryAfter: null, error });

it.each([
  ["200", answer(200), "succeeded"],
  ["302", answer(302), "succeeded"],
  ["404", answer(404), "succeeded"],
  ["429", answer(429), "succeeded"],
  ["429 that says when", answer(429, "3"), null],
  ["500", answer(500), "failed"],
  ["503", answer(503), "failed"],
  ["503 that says when", answer(503, "3"), null],
  ["503 that says nonsense", answer(503, "soon"), "failed"],
  ["no connection", none("connect refused"), "failed"],
  ["no such name", none("host not found"), "failed"],
  ["no answer in time", none("timed out after 10 s"), "failed"],
  ["an answer that breaks off", none("connection reset"), "failed"],
  ["a call that policy refused", none("blocked: private address"), null],
  ["a call that was not sent", none("not sent in time"), null],
  ["a call that we ended", none("shut down"), null],
  ["a request that nobody could send", none("request not valid"), null],
  ["an unreachable host", none("host unreachable"), "failed"],
  ["a name server of ours that does not answer", none("host name could not be looked up"), null],
  ["a network of ours that is down", none("network unreachable"), null],
  ["a process that has no descriptors left", none("EMFILE"), null],
  ["a machine that has none left", none("ENFILE"), null],
  ["a machine without room for sockets", none("ENOBUFS"), null],
  ["a machine without free ports", none("EADDRNOTAVAIL"), null],
])("%s counts as it should", (_, end, verdict) => {
  expect(verdictOf(end, now)).toBe(verdict);
});

it("a host is named with its port", () => {
  expect(["http://a", "https://a.b", "http://a:8080", "https://[::1]:9"].map(hostOf)).toEqual([
    "a:80",
    "a.b:443",
    "a:8080",
    "[::1]:9",
  ]);
});
