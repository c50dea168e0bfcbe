// What a client hears that creates a batch by NATS: what HTTP says in headers, it finds in the answer.
import { headers as natsHeaders } from "@nats-io/transport-node";
import { expect, it } from "vitest";
import type { Bus } from "#bus/client";
import { answerBatches, type Created } from "#bus/commands/create";
import { makeLogger } from "#telemetry/log";
import { until } from "#test/until";

type Callback = (error: null, message: object) => void;

/** Asks by a message, and gives the answer that is published. `created`: what HTTP would answer. */
async function ask(created: Created, maxPayload = 1_000_000): Promise<Record<string, unknown>> {
  const callbacks = new Map<string, Callback>();
  const said: string[] = [];
  const nc = {
    info: { max_payload: maxPayload },
    subscribe: (subject: string, { callback }: { callback: Callback }) => void callbacks.set(subject, callback),
    publish: (_to: string, text: string) => void said.push(text),
  };
  const act = async () => created;
  const log = makeLogger({ logLevel: "silent" }, "test");
  answerBatches(
    { nc, onReady: (tell: () => void) => tell() } as unknown as Bus,
    { create: act, add: act, close: act },
    log,
  );
  const message = { subject: "baton.batch.create", reply: "_INBOX.a", data: new Uint8Array(), headers: natsHeaders() };
  callbacks.get("baton.batch.create")?.(null, message);
  await until(() => said.length === 1);
  return JSON.parse(said[0] ?? "");
}

const created = (headers: Created["headers"]): Created => ({
  ...{ status: 201, headers: { "x-batch-id": "b", ...headers }, body: [{ id: "t" }] },
});
const left = { "baton-deduplicated": ["é,1", "b"].map(encodeURIComponent).join() };
const warned = { "baton-warning": ["tasks[0]: no “tennant”", "tasks[1]: …"].map(encodeURIComponent) };

it("names the batch and the tasks, and nothing where there is nothing else to say", async () => {
  expect(await ask(created({}))).toEqual({ status: 201, batch_id: "b", tasks: [{ id: "t" }] });
});

it("names what was left out, and what the rules can never admit", async () => {
  expect(await ask(created({ ...left, ...warned }))).toEqual({
    ...{ status: 201, batch_id: "b", deduplicated: ["é,1", "b"] },
    ...{ warnings: ["tasks[0]: no “tennant”", "tasks[1]: …"], tasks: [{ id: "t" }] },
  });
  const nothing = { status: 204, headers: { "x-batch-id": "b", ...left }, body: undefined };
  expect(await ask(nothing)).toEqual({ status: 204, batch_id: "b", deduplicated: ["é,1", "b"], tasks: [] });
});

it("leaves out tasks that do not fit into a message", async () => {
  expect(await ask(created(left), 60)).toEqual({
    ...{ status: 201, batch_id: "b", deduplicated: ["é,1", "b"], tasks: [], truncated: true },
  });
});
