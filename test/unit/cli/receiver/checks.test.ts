// `baton check-receiver` against a service made with the SDK, which does all that is asked, and against services that each do one thing wrong.
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { checks } from "../../../../src/cli/receiver/checks.ts";
import { type Pretend, pretendBaton } from "../../../../src/cli/receiver/pretend.ts";
import { progress, report } from "../../../../src/sdk/client.ts";
import { handler } from "../../../../src/sdk/service/handler.ts";

const secret = `whsec_${Buffer.from("a secret of twenty-four b").toString("base64")}`;
const open: { close(): unknown }[] = [];
afterEach(() => void open.splice(0).map((one) => one.close()));

async function served(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push({ close: () => server.close().closeAllConnections() });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/work`;
}

async function pretend(): Promise<Pretend> {
  const baton = await pretendBaton("127.0.0.1", 0);
  open.push(baton);
  return baton;
}

/** A work takes so many calls to Baton, so that a cancel comes before its end. */
const steps = 20;

interface Seen {
  readonly [what: string]: string;
}

/** The state of each check, by its name. */
async function found(url: string, baton: Pretend, more: Partial<Parameters<typeof checks>[0]> = {}) {
  const seen: Record<string, string> = {};
  const says: Record<string, string> = {};
  const subject = { url, cancelUrl: url, handles: baton.url, secret, body: "{}", waitMs: 2_000, baton, ...more };
  for await (const one of checks(subject)) {
    seen[one.what] = one.state;
    says[one.what] = `${one.says} ${one.mend ?? ""}`;
    if (one.state !== "ok") expect(one.mend, one.what).toEqual(expect.any(String));
  }
  return { seen: seen as Seen, says: says as Seen };
}

const good = {
  ...{ "valid signature": "ok", report: "ok", "tampered body": "ok", "no signature": "ok", "another secret": "ok" },
  ...{ "stale call": "ok", "call from the future": "ok", "duplicate call": "ok" },
  ...{ "cancel before start": "ok", "cancel during start": "ok", "oversized call": "ok" },
};

it("finds nothing wrong with a service that the SDK's handler makes", async () => {
  const baton = await pretend();
  const service = handler({ secrets: secret, baton: baton.url }, async (task) => {
    for (let step = 0; step < steps; step += 1) await task.heartbeat();
  });
  const { seen, says } = await found(await served(service.node), baton);
  expect(seen).toEqual(good);
  expect(says["oversized call"]).toContain("refused: 413");
  expect(says["duplicate call"]).toContain("4 calls taken, 1 reported");
});

/** Takes every call as it comes, and works for each, whatever Baton says. */
const naive =
  (onBytes: (bytes: number) => unknown = () => {}): RequestListener =>
  async (request, response) => {
    let bytes = 0;
    for await (const chunk of request) bytes += (chunk as Buffer).length;
    onBytes(bytes);
    response.writeHead(202).end();
    if (request.headers["x-task-trigger"] !== "start") return;
    const handle = new URL(request.url ?? "/", "http://service").searchParams.get("handle") ?? "";
    for (let step = 0; step < steps; step += 1) await progress(handle, {}, { retries: 0 }).catch(() => {});
    await report(handle, { status: "Success" }, { retries: 0 }).catch(() => {});
  };

it("sees a service that believes everybody, works for each repetition, and goes on after a cancel", async () => {
  const { seen, says } = await found(await served(naive()), await pretend(), { waitMs: 30_000 });
  expect(seen).toEqual({
    ...Object.fromEntries(Object.keys(good).map((what) => [what, "wrong"])),
    ...{ "valid signature": "ok", report: "ok", "oversized call": "warning" },
    ...{ "cancel before start": "warning", "cancel during start": "warning" },
  });
  expect(says["duplicate call"]).toMatch(/^[2-4] reports of 4 calls .*Idempotency-Key/);
  expect(says["oversized call"]).toContain("8 MiB were taken");
});

it("sees a service that an oversized call ends", async () => {
  let isDead = false;
  const alive = naive((bytes) => (isDead ||= bytes > 4 * 2 ** 20));
  const url = await served((request, response) => (isDead ? request.socket.destroy() : alive(request, response)));
  const { seen, says } = await found(url, await pretend());
  expect(seen["oversized call"]).toBe("wrong");
  expect(says["oversized call"]).toContain("it does not work any more");
});

it("stops at a good call that is refused, and says what it may be", async () => {
  const { seen, says } = await found(await served((_, response) => response.writeHead(401).end("no")), await pretend());
  expect(seen).toEqual({ "valid signature": "wrong" });
  expect(says["valid signature"]).toMatch(/^refused: 401 in \d+ ms: no Its secret is another one/);
});

it("sees a service that never reports, and one that refuses repetitions and cancels", async () => {
  const keys = new Set<string>();
  const url = await served((request, response) => {
    const key = String(request.headers["idempotency-key"]);
    const bad = keys.has(key) || key.endsWith(":cancel");
    keys.add(key);
    request.resume().on("end", () => response.writeHead(bad ? 409 : 200).end());
  });
  const { seen, says } = await found(url, await pretend(), { secret: null, waitMs: 400 });
  expect(seen).toMatchObject({ "valid call": "ok", report: "warning", "duplicate call": "wrong" });
  expect(seen).toMatchObject({ "cancel before start": "warning", "stale call": "unseen" });
  expect(says.report).toContain("none within 0.4 s");
});

it("says what it cannot see where reports go elsewhere", async () => {
  const baton = await pretend();
  const { seen } = await found(await served(naive()), baton, { handles: "http://127.0.0.1:9" });
  expect(seen).toMatchObject({ report: "unseen", "duplicate call": "unseen", "cancel during start": "unseen" });
});
