// What a stream of events refuses, says and bears: malformed questions, too many streams, clients that do not read, tokens,
// origins, the end of its process, and events that retention has dropped. With limits that a test can reach.
import { connect } from "node:net";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { refused } from "#test/refused";
import { freshDatabase } from "#test/services";
import { hear } from "#test/sse";
import { until, within } from "#test/until";
import { type Api, batches, begun, follow, idsOf, listen, openWriter } from "./log.ts";

vi.mock("#config", async (original) => {
  const config = await original<typeof import("#config")>();
  const small = {
    eventStreamsMax: 3,
    eventSlowMs: 1_500,
    eventBeatMs: 1_000,
    eventBufferBytesMax: 65_536,
    eventPageRows: 50,
  };
  return { ...config, limits: { ...config.limits, ...small } };
});

let url: string;
let api: Api;
beforeAll(async () => {
  url = await freshDatabase();
  api = await listen(url);
});
afterAll(() => api.close());

const ask = (query: string, headers: Record<string, string> = {}) => fetch(`${api.url}/events${query}`, { headers });

it.each([
  [
    "?batch_id=x&last_event_id=-1&page=2",
    { "last-event-id": "1.5" },
    ["batch_id: ", "last_event_id: ", '"page": ', "Last-Event-ID: "],
  ],
  ["?last_event_id=", {}, ["last_event_id: "]],
  ["", { "last-event-id": "1, 2" }, ["Last-Event-ID: "]],
  ["", { "last-event-id": "9007199254740993" }, ["Last-Event-ID: "]],
  ["?last_event_id=1&last_event_id=2", {}, ["last_event_id: "]],
  ["", { "last-event-id": "4000000000" }, ["Last-Event-ID: is an id that no event has yet"]],
] as const)("refuses %s %o", async (query, headers, faults) => {
  const answer = await ask(query, headers);
  const { details } = (await answer.json()) as { details: string[] };
  expect(answer.status).toBe(400);
  expect(details).toHaveLength(faults.length);
  for (const fault of faults) expect(details).toContainEqual(expect.stringContaining(fault));
});

it("does not follow a batch that is not there", async () => {
  for (const more of ["", "&last_event_id=0"]) {
    const answer = await ask(`?batch_id=${batches[0]}${more}`);
    expect([answer.status, await answer.json()]).toEqual([404, refused("unknown_batch", "No such batch")]);
  }
});

it("answers HEAD as GET, without a body", async () => {
  const answer = await fetch(`${api.url}/events`, { method: "HEAD" });
  expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([
    200,
    "text/event-stream; charset=utf-8",
    "",
  ]);
  expect((await fetch(`${api.url}/events?x=1`, { method: "HEAD" })).status).toBe(400);
});

it("says something now and then", async () => {
  const heard = await follow(api);
  await until(() => heard.text.includes(": ping\n\n"));
});

it("turns away a stream too many, until another one has gone", async () => {
  const [first] = [await follow(api), await follow(api), await follow(api)];
  const late = await ask("");
  expect([late.status, late.headers.get("retry-after")]).toEqual([429, "5"]);
  expect(await late.json()).toMatchObject({ error: expect.any(String) });
  first.close();
  await until(async () => {
    const heard = await follow(api);
    heard.close();
    return heard.status === 200;
  });
});

it("drops a client that does not read, and lets it resume; others hear all", async () => {
  const writer = openWriter(url);
  const reads = await follow(api);
  const start = await begun(reads);
  const before = await api.connections();
  const lazy = silent(`/events?last_event_id=${start}`);
  await until(async () => (await api.connections()) > before);
  // More than the buffers of both ends hold.
  for (let i = 0; i < 40; i++) await writer.write(250, batches[0], "x".repeat(1_500));
  await until(() => reads.events.length === 10_000, 20_000);
  await until(async () => (await api.connections()) <= before, 15_000);
  const text = await lazy.rest();
  const got = [...text.matchAll(/^id: (\d+)\ndata: .*\n\n/gm)].map(([, id]) => Number(id));
  const ids = (await writer.ids()).filter((id) => id > start);
  expect(idsOf(reads)).toEqual(ids);
  expect(got.length).toBeLessThan(ids.length);
  expect(got).toEqual(ids.slice(0, got.length));
  const again = await follow(api, "", got.at(-1) ?? start);
  await until(() => again.events.length === ids.length - got.length, 20_000);
  expect([...got, ...idsOf(again)]).toEqual(ids);
}, 60_000);

it("says that events were dropped, and goes on with those that are left", async () => {
  const writer = openWriter(url);
  await writer.write(4);
  const ids = await writer.ids();
  const [gone, left] = [ids.at(-3) as number, ids.slice(-2)];
  await writer.sql`delete from event where id <= ${gone}`;
  await writer.sql`update event_dropped set upto = ${gone}`;
  const heard = await follow(api, "", gone - 1);
  await until(() => idsOf(heard).length === 3);
  expect(heard.text).toContain(`event: gap\ndata: {"dropped_to":${gone}}\n\nid: ${left[0]}\n`);
  const fine = await follow(api, "", gone);
  await until(() => fine.events.length === 2);
  expect(fine.text).not.toContain("gap");
});

it("asks for a token, and lets the configured origin in", async () => {
  const strict = await listen(url, { AUTH_TOKEN: "secret", CORS_ORIGINS: "https://app.example.com" });
  onTestFinished(() => strict.close());
  const origin = "https://app.example.com";
  const refused = await fetch(`${strict.url}/events`, { headers: { origin } });
  expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, origin]);
  const heard = await hear(`${strict.url}/events`, { authorization: "Bearer secret", origin });
  onTestFinished(() => heard.close());
  expect([heard.status, heard.headers.get("access-control-allow-origin"), heard.headers.get("vary")]).toEqual([
    200,
    origin,
    "Origin",
  ]);
});

it("ends at once with its process, whether its client reads or not", async () => {
  const going = await listen(url);
  const heard = await follow(going, "", 1);
  await begun(await follow(going));
  await within(() => going.close(), 3_000);
  await heard.over;
  expect(heard.text).toMatch(/: closing\n\n$/);
});

/** A client that sends its request and then reads nothing; `rest` reads what it can, to the end. */
function silent(path: string): { rest(): Promise<string> } {
  const { hostname, port } = new URL(api.url);
  const socket = connect({ host: hostname, port: Number(port) }).pause();
  onTestFinished(() => void socket.destroy());
  let text = "";
  const over = new Promise<void>((resolve) => socket.on("error", () => resolve()).on("close", () => resolve()));
  socket.write(`GET ${path} HTTP/1.0\r\nhost: x\r\n\r\n`);
  return {
    async rest() {
      socket.on("data", (data) => {
        text += data.toString();
      });
      socket.resume();
      await over;
      return text;
    },
  };
}
