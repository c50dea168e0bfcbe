// The guard at the moment of connecting: names that lead to private addresses, addresses in URLs, and DNS that lies.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Policy } from "#domain/calls/guard";
import { renderMetrics } from "#telemetry/metrics";
import { policyWith, strict } from "#test/policy";
import { type Address, guarded, type Resolve } from "#webhook/guard";
import { makeSender, type Sender } from "#webhook/send";

let server: Server;
let port = 0;
let calls = 0;
const senders: Sender[] = [];
const loopback = policyWith({ allowedCidrs: ["127.0.0.0/8"] });

beforeAll(async () => {
  server = createServer((_, response) => {
    calls += 1;
    response.end("hello");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  await Promise.all(senders.map((sender) => sender.close()));
  server.closeAllConnections();
  server.close();
});

/** Calls a host whose name leads where `resolve` says. */
function call(origin: string, policy: Policy, resolve?: Resolve) {
  const settings = { webhookHostConcurrency: 1, webhookConnectTimeoutSecs: 3, webhookTimeoutSecs: 10 };
  const sender = makeSender({ ...settings, connect: guarded(policy, 3_000, resolve) });
  senders.push(sender);
  const send = () => sender.send({ origin, path: "/", method: "POST", headers: [], body: "{}" });
  return { send, result: send() };
}
const leadsTo =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address): Address => ({ address, family: address.includes(":") ? 6 : 4 }));
const url = (host: string, scheme = "http") => `${scheme}://${host}:${port}`;

it.each<[string, string, Policy, Resolve | undefined]>([
  ["an address", "127.0.0.1", strict, undefined],
  ["an IPv6 address", "[::1]", loopback, undefined],
  ["a mapped address", "[::ffff:7f00:1]", loopback, undefined],
  ["a name that DNS knows", "localhost", loopback, undefined],
  ["a name of a private address", "service.example.org", strict, leadsTo("127.0.0.1")],
  ["one private answer among public ones", "service.example.org", strict, leadsTo("8.8.8.8", "10.0.0.1", "9.9.9.9")],
  ["a mapped answer", "service.example.org", loopback, leadsTo("::ffff:127.0.0.1")],
  ["a link-local answer", "service.example.org", loopback, leadsTo("fe80::1%eth0")],
  [
    "a metadata answer",
    "ok.example.org",
    policyWith({ allowedHostnames: ["ok.example.org"] }),
    leadsTo("169.254.169.254"),
  ],
])("%s is blocked before a byte is sent", async (_, host, policy, resolve) => {
  for (const scheme of ["http", "https"]) {
    const result = await call(url(host, scheme), policy, resolve).result;
    expect(result).toMatchObject({ end: "failed", ok: false, status: null, sent: false, fault: "blocked" });
    expect(result.error).toMatch(/^blocked: (must not point to|host is blocked)/);
  }
  expect(calls).toBe(0);
});

const blockedCalls = (rule: string): number =>
  Number(renderMetrics().match(new RegExp(`baton_webhook_blocked_total\\{rule="${rule}"\\} (\\d+)`))?.[1] ?? 0);

it("says which rule it was, to the caller and in the metrics", async () => {
  const before = blockedCalls("private");
  const { result, send } = call(url("service.example.org"), strict, leadsTo("10.0.0.1"));
  const results = await Promise.all([result, send(), send()]);
  expect(results.map(({ error }) => error)).toEqual(
    Array(3).fill(
      "blocked: must not point to a private address (10.0.0.0/8): service.example.org leads to one; to allow it, give Baton ALLOWED_HOSTNAMES=service.example.org",
    ),
  );
  expect(blockedCalls("private") - before).toBe(3);
});

it("connects to the addresses it has judged, and asks DNS once", async () => {
  const asked: string[] = [];
  // What DNS says later would be blocked, and would not answer.
  const changing: Resolve = async (host) => {
    asked.push(host);
    return leadsTo(asked.length === 1 ? "127.0.0.1" : "10.0.0.1")(host);
  };
  const { result, send } = call(url("service.example.org"), loopback, changing);
  expect(await result).toMatchObject({ ok: true, body: "hello" });
  expect(await send()).toMatchObject({ ok: true });
  expect(asked).toEqual(["service.example.org"]);
});

it("calls private receivers by a name that is allowed", async () => {
  const policy = policyWith({ allowedHostnames: ["service.corp.internal"] });
  expect(await call(url("service.corp.internal"), policy, leadsTo("127.0.0.1")).result).toMatchObject({ ok: true });
});

it("leaves everything open where it is switched off", async () => {
  expect(
    await call(url("localhost"), policyWith({ skipSsrfValidation: true }), leadsTo("127.0.0.1")).result,
  ).toMatchObject({
    ok: true,
  });
});

it("tells a name that is not found from one that is blocked", async () => {
  const none: Resolve = () => Promise.reject(Object.assign(new Error("none"), { code: "ENOTFOUND" }));
  expect(await call(url("nowhere.example.org"), strict, none).result).toMatchObject({
    ok: false,
    sent: false,
    error: "host not found",
  });
});
