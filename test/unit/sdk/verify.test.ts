// What a receiver may believe: calls signed with a secret it knows, as they came, and not long ago.
import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { signatureHeaders } from "#domain/calls/signature";
import { proven, verify, WebhookVerificationError } from "../../../src/sdk/verify.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const old = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const body = '{"n":1,"name":"ü"}';

function signed(secrets: readonly string[] = [secret], at = new Date(), text = body): Record<string, string> {
  const list = signatureHeaders(secrets, "task:start", at, text);
  return Object.fromEntries(list.flatMap((name, i) => (i % 2 === 0 ? [[name, `${list[i + 1]}`]] : [])));
}

const servers: Server[] = [];
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => {
  for (const server of servers) server.close();
});

it("takes the vector of the specification, at its time", async () => {
  vi.useFakeTimers({ now: 1_614_265_330_000, toFake: ["Date"] });
  const headers = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  expect(await verify(secret, headers, '{"test": 2432232314}')).toEqual({ test: 2432232314 });
});

it("gives the body, parsed, however body and headers are held", async () => {
  const headers = signed();
  const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
  const lists = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
  for (const each of [headers, upper, lists, new Headers(headers)])
    for (const raw of [body, Buffer.from(body), new TextEncoder().encode(body)])
      expect(await verify(secret, each, raw)).toEqual({ n: 1, name: "ü" });
  expect(await verify(secret, signed([secret], new Date(), ""), "")).toBeUndefined();
});

it("takes either secret while they are changed", async () => {
  expect(await verify(secret, signed([old, secret]), body)).toEqual(JSON.parse(body));
  expect(await verify(old, signed([old, secret]), body)).toEqual(JSON.parse(body));
  expect(await verify([secret, old], signed([old]), body)).toEqual(JSON.parse(body));
  await expect(verify([secret], signed([old]), body)).rejects.toThrow(WebhookVerificationError);
  await expect(verify([], signed(), body)).rejects.toThrow(WebhookVerificationError);
});

it.each<[string, Record<string, string | undefined>, string]>([
  ["another body", signed(), `${body} `],
  ["another id", { ...signed(), "webhook-id": "task:start:1" }, body],
  ["another time", { ...signed(), "webhook-timestamp": `${Math.floor(Date.now() / 1000) - 60}` }, body],
  ["no signature", { ...signed(), "webhook-signature": undefined }, body],
  ["no id", { ...signed(), "webhook-id": undefined }, body],
  ["a time that is none", { ...signed(), "webhook-timestamp": "soon" }, body],
  ["another version", { ...signed(), "webhook-signature": signed()["webhook-signature"]?.replace("v1", "v2") }, body],
  ["an old call", signed([secret], new Date(Date.now() - 301_000)), body],
  ["a call from the future", signed([secret], new Date(Date.now() + 302_000)), body],
  ["a signature that is no base64", { ...signed(), "webhook-signature": "v1,***" }, body],
])("refuses %s", async (_, headers, text) => {
  await expect(verify([old, secret], headers, text)).rejects.toThrow(WebhookVerificationError);
});

it("verifies the bytes that came, also where they are no text", async () => {
  const bytes = Uint8Array.of(0xff, 0xfe, 0x00, 0x61);
  const at = Math.floor(Date.now() / 1000);
  const made = createHmac("sha256", Buffer.from(secret.slice(6), "base64"))
    .update(`a.${at}.`)
    .update(bytes)
    .digest("base64");
  const headers = { "webhook-id": "a", "webhook-timestamp": `${at}`, "webhook-signature": `v1,${made}` };
  expect(await proven(secret, headers, bytes)).toBe("a");
  await expect(proven(secret, headers, bytes.toReversed())).rejects.toThrow(WebhookVerificationError);
});

it("says what a secret is where one is none", async () => {
  await expect(verify("whsec_***", signed(), body)).rejects.toThrow(TypeError);
});

it("works as its example says", async () => {
  const got: unknown[] = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    try {
      got.push(await verify(secret, request.headers, Buffer.concat(chunks)));
      response.writeHead(200).end();
    } catch {
      response.writeHead(401).end();
    }
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call = (headers: Record<string, string>) => fetch(url, { method: "POST", headers, body });
  expect([(await call(signed())).status, (await call(signed([old]))).status, (await call({})).status]).toEqual([
    200, 401, 401,
  ]);
  expect(got).toEqual([JSON.parse(body)]);
});
