// What a receiver may believe: calls signed with a secret it knows, as they came, and not long ago.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { signatureHeaders } from "#domain/signature";
import { verify, WebhookVerificationError } from "../../../src/sdk/verify.ts";

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

it("takes the vector of the specification, at its time", () => {
  vi.useFakeTimers({ now: 1_614_265_330_000, toFake: ["Date"] });
  const headers = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  expect(verify(secret, headers, '{"test": 2432232314}')).toEqual({ test: 2432232314 });
});

it("gives the body, parsed, however body and headers are held", () => {
  const headers = signed();
  const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
  const lists = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
  for (const each of [headers, upper, lists, new Headers(headers)])
    for (const raw of [body, Buffer.from(body), new TextEncoder().encode(body)])
      expect(verify(secret, each, raw)).toEqual({ n: 1, name: "ü" });
  expect(verify(secret, signed([secret], new Date(), ""), "")).toBeUndefined();
});

it("takes either secret while they are changed", () => {
  expect(verify(secret, signed([old, secret]), body)).toEqual(JSON.parse(body));
  expect(verify(old, signed([old, secret]), body)).toEqual(JSON.parse(body));
  expect(verify([secret, old], signed([old]), body)).toEqual(JSON.parse(body));
  expect(() => verify([secret], signed([old]), body)).toThrow(WebhookVerificationError);
  expect(() => verify([], signed(), body)).toThrow(WebhookVerificationError);
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
])("refuses %s", (_, headers, text) => {
  expect(() => verify([old, secret], headers, text)).toThrow(WebhookVerificationError);
});

it("works as its example says", async () => {
  const got: unknown[] = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    try {
      got.push(verify(secret, request.headers, Buffer.concat(chunks)));
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
