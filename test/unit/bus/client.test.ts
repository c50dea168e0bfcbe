// What NATS_URL says to the client: the servers, and who is connecting.
import { expect, it } from "vitest";
import { serversOf } from "#bus/client";

it.each([
  ["nats://a:4222", { servers: ["a:4222"] }],
  ["nats://a,nats://[::1]:4333", { servers: ["a", "[::1]:4333"] }],
  ["nats://api:s3cret@a:4222,nats://b:4222", { servers: ["a:4222", "b:4222"], user: "api", pass: "s3cret" }],
  ["nats://api:p%40ss%2Fword@a", { servers: ["a"], user: "api", pass: "p@ss/word" }],
  ["nats://token@a", { servers: ["a"], token: "token" }],
  ["tls://a,tls://b", { servers: ["a", "b"], tls: {} }],
  ["tls://a,nats://b", { servers: ["a", "b"] }],
])("%s", (url, expected) => expect(serversOf(url)).toEqual(expected));
