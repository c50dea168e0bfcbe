// A dead letter is sent again through the API, with the rights that the shipped nats.conf gives it.
import { randomUUID } from "node:crypto";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { expect, it, onTestFinished } from "vitest";
import { serversOf } from "#bus/client";
import { startCluster } from "#test/cluster";
import { shippedNats } from "#test/services";
import { until } from "#test/until";

it("becomes a new one by the same fault, and is gone once that is mended", async () => {
  const nats = await shippedNats();
  const cluster = await startCluster({ nats });
  const nc = await connect({ ...serversOf(nats.urlOf("worker")), inboxPrefix: "_INBOX_worker" });
  onTestFinished(() => nc.close());
  const listed = async (subject: string) => {
    const { body } = await cluster.call("GET", "/dead-letters");
    return (body as { id: string; subject: string; payload: string }[]).filter((letter) => letter.subject === subject);
  };
  /** What a worker would set aside. */
  const setAside = async (subject: string, payload: string) => {
    await jetstream(nc).publish(`baton.dead.${subject.replace("baton.", "")}`, payload);
    const [letter] = await until(async () => (await listed(subject)).length === 1 && listed(subject));
    return letter?.id as string;
  };

  const wrong = `baton.task.${randomUUID()}.explode`;
  const first = await setAside(wrong, '{"a":1}');
  expect(await cluster.call("POST", `/dead-letters/${first}/replay`)).toMatchObject({
    status: 202,
    body: { id: first },
  });
  await until(async () => (await listed(wrong)).some(({ id }) => id !== first));
  expect(await listed(wrong)).toMatchObject([
    { subject: wrong, payload: '{"a":1}', reason: expect.stringContaining("Unknown command") },
  ]);

  const { a } = await cluster.create([{ id: "a", name: "a", kind: "k", delay_secs: 3600 }]);
  const mended = `baton.task.${a}.cancel`;
  const second = await setAside(mended, '{"reason":"again"}');
  expect(await cluster.call("POST", `/dead-letters/${second}/replay`)).toMatchObject({ status: 202 });
  await until(async () => (await cluster.status(a as string)) === "Canceled");
  expect(await listed(mended)).toEqual([]);
});
