// What a call's end says about its receiver, and how a receiver is named.
import { expect, it } from "vitest";
import { hostOf, verdictOf } from "#domain/calls/circuit";

const now = new Date("2026-11-23T10:00:00.000Z");
const answer = (status: number, retryAfter: string | null = null) => ({ status, retryAfter, fault: null });

/** What a proxy says that reaches nobody. */
const unreachable = [502, 503, 504];
const statuses = [200, 202, 204, 301, 302, 400, 401, 404, 408, 429, 500, 501, 502, 503, 504, 505, 507, 520, 599];

it.each(statuses)("an answer %i says whether its receiver can be reached", (status) => {
  expect(verdictOf(answer(status), now)).toBe(unreachable.includes(status) ? "failed" : "succeeded");
});

it.each([
  ["429 that says when", answer(429, "3"), null],
  ["503 that says when", answer(503, "3"), null],
  ["503 that says now", answer(503, "0"), null],
  ["503 that says nonsense", answer(503, "soon"), "failed"],
])("%s counts as it should", (_, end, verdict) => {
  expect(verdictOf(end, now)).toBe(verdict);
});

it.each([
  ["unreachable", "failed"],
  ["closed", "failed"],
  ["late", "failed"],
  ["garbled", "failed"],
  ["tls", "failed"],
  ["local", null],
  ["blocked", null],
  ["invalid", null],
] as const)("no answer because of a fault that is %s counts as it should", (fault, verdict) => {
  expect(verdictOf({ status: null, retryAfter: null, fault }, now)).toBe(verdict);
});

it("a host is named with its port", () => {
  expect(["http://a", "https://a.b", "http://a:8080", "https://[::1]:9"].map(hostOf)).toEqual([
    "a:80",
    "a.b:443",
    "a:8080",
    "[::1]:9",
  ]);
});
