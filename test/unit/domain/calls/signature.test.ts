// Signatures of calls, held against the vector of the Standard Webhooks specification and against its reference library.

import { Webhook } from "standardwebhooks";
import { expect, it } from "vitest";
import { signatureHeaders } from "#domain/calls/signature";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const next = `whsec_${Buffer.alloc(64, 7).toString("base64")}`;

it("is the one that the specification has for its example", () => {
  const at = new Date(1_614_265_330_000);
  expect(signatureHeaders([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}')).toEqual([
    "webhook-id",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp",
    "1614265330",
    "webhook-signature",
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  ]);
});

it("is there once a secret, the first secret's first", () => {
  const at = new Date();
  const list = signatureHeaders([next, secret], "id", at, "{}");
  expect(list[5]).toBe(`${new Webhook(next).sign("id", at, "{}")} ${new Webhook(secret).sign("id", at, "{}")}`);
  const headers = { "webhook-id": "id", "webhook-timestamp": String(list[3]), "webhook-signature": String(list[5]) };
  for (const known of [secret, next]) expect(new Webhook(known).verify("{}", headers)).toEqual({});
});

it("is over the bytes as UTF-8, also where there are none", () => {
  for (const text of ["", '{"a":"ü😀"}']) {
    const [, , , seconds, , signature] = signatureHeaders([secret], "id", new Date(), text);
    const headers = { "webhook-id": "id", "webhook-timestamp": `${seconds}`, "webhook-signature": `${signature}` };
    expect(new Webhook(secret).verify(Buffer.from(text), headers)).toEqual(text === "" ? undefined : JSON.parse(text));
  }
});

it("is none without a secret", () => {
  expect(signatureHeaders([], "id", new Date(), "{}")).toEqual([]);
});
