// Dead letters over HTTP: what they say, to whom, and what comes of sending one again.
import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Resent } from "#bus/resend";
import type { Answer, ClientCommand, DeliveryCommand } from "#domain/command";
import { expired } from "#domain/commands/expiry";
import { Busy } from "#domain/errors";
import { keepDeadLetters } from "#store/maintenance/dead-letters";
import { openApi } from "../api.ts";
import { pages } from "./pages.ts";

const resent: Resent[] = [];
const asked: (ClientCommand | DeliveryCommand)[] = [];
let isDecided = true;
let answer: (id: string) => Answer;
const hash = (token: string) => createHash("sha256").update(token).digest("hex");
const tokens = ["read", "operate"].map((role) => `${role}-name:${role}:${hash(role)}`).join();
const api = await openApi(
  { AUTH_TOKENS: tokens },
  {
    async resend(message) {
      resent.push(message);
      return message.subject !== "baton.unheard";
    },
    async ask(command) {
      asked.push(command);
      if (!isDecided) throw new Busy("no actor answered in time");
      return answer(command.target);
    },
  },
);
afterAll(api.close);
beforeEach(async () => {
  resent.length = 0;
  asked.length = 0;
  isDecided = true;
  answer = (id) => ({ status: 409, id });
  await api.db.use((sql) => sql`truncate dead_letter`);
});

const ask = async (method: "GET" | "POST", url: string, token = "operate") => {
  const answer = await api.app.inject({ method, url, headers: { authorization: `Bearer ${token}` } });
  return { status: answer.statusCode, body: answer.json() };
};
const listed = async (token?: string) => (await ask("GET", "/dead-letters", token)).body;
const at = (n: number) => new Date(Date.UTC(2030, 0, 1, 0, 0, n));
async function keep(subject: string, payload: Uint8Array | string, cut = false, n = 0): Promise<string> {
  const id = randomUUID();
  await keepDeadLetters(api.db, [{ id, subject, reason: "no", at: at(n), payload: Buffer.from(payload), cut }]);
  return id;
}

describe("GET /dead-letters", () => {
  it("lists them, newest first, with the message as text where it is some, else in base64", async () => {
    const text = await keep("baton.task.x", '{"café":1}', false, 1);
    const bytes = await keep("baton.task.y", Uint8Array.of(0xff, 0x00), false, 2);
    const short = await keep("baton.task.z", Buffer.from("aé").subarray(0, 2), true, 3);
    expect(await listed()).toEqual([
      { id: short, subject: "baton.task.z", reason: "no", at: at(3).toISOString(), payload: "a" },
      { id: bytes, subject: "baton.task.y", reason: "no", at: at(2).toISOString(), payload: "/wA=" },
      { id: text, subject: "baton.task.x", reason: "no", at: at(1).toISOString(), payload: '{"café":1}' },
    ]);
  });

  it("hides the message from tokens that may not operate", async () => {
    await keep("baton.task.x", "secret");
    expect(await listed("read")).toMatchObject([{ subject: "baton.task.x", payload: null }]);
  });

  it("gives each once by pages, while others are set aside", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 7; n++) ids.unshift(await keep("baton.task.x", "{}", false, Math.floor(n / 2)));
    const app = { inject: (url: string) => api.app.inject({ url, headers: { authorization: "Bearer read" } }) };
    const more = () => keep("baton.task.x", "{}", false, 50);
    const found = await pages<{ id: string }>({ app } as never, "/dead-letters?page_size=3", more);
    expect(found.map((page) => page.length)).toEqual([3, 3, 1]);
    expect(new Set(found.flat().map(({ id }) => id))).toEqual(new Set(ids));
  });
});

describe("POST /dead-letters/{id}/replay", () => {
  const replay = (id: string, token?: string) => ask("POST", `/dead-letters/${id}/replay`, token);

  it("sends the message as it came, and the row goes", async () => {
    const id = await keep("baton.task.x.succeed", Uint8Array.of(0xff, 0x00));
    expect(await replay(id)).toEqual({ status: 202, body: { id } });
    expect(resent.map(({ subject, payload }) => [subject, [...payload]])).toEqual([["baton.task.x.succeed", [255, 0]]]);
    expect(await listed()).toEqual([]);
    expect(await replay(id)).toMatchObject({ status: 404, body: { code: "unknown_dead_letter" } });
  });

  it("asks anew for a command that could not be decided, in the name of the caller, and keeps the row if nobody decides", async () => {
    const target = randomUUID();
    const command = { id: randomUUID(), verb: "succeed", target, actor: "token:admin", attempt: 1, key: "k" };
    const id = await keep(`baton.task.${target}.succeed`, JSON.stringify(command));
    isDecided = false;
    expect(await replay(id)).toMatchObject({ status: 503, body: { code: "busy" } });
    expect(await listed()).toHaveLength(1);
    isDecided = true;
    expect(await replay(id)).toEqual({ status: 202, body: { id } });
    expect(asked[1]).toEqual({ ...command, actor: "token:operate-name" });
    expect([resent, await listed()]).toEqual([[], []]);
  });

  it("keeps the row of a command that waited too long to be begun", async () => {
    const target = randomUUID();
    const command = { id: randomUUID(), verb: "cancel", target, actor: "nats" };
    const id = await keep(`baton.task.${target}.cancel`, JSON.stringify(command));
    answer = expired;
    expect(await replay(id)).toMatchObject({ status: 503, body: { code: "busy" } });
    expect(await listed()).toHaveLength(1);
  });

  it("is refused for what was cut, and for what nothing takes", async () => {
    const [cut, unheard] = [await keep("baton.task.x", "{}", true), await keep("baton.unheard", "{}")];
    for (const id of [cut, unheard])
      expect(await replay(id)).toMatchObject({ status: 409, body: { code: "not_in_this_state" } });
    expect(await listed()).toHaveLength(2);
  });

  it("is for tokens that may operate", async () => {
    const id = await keep("baton.task.x", "{}");
    expect(await replay(id, "read")).toMatchObject({ status: 403 });
  });
});
