// The AsyncAPI document names the subjects that are served, refers to nothing that is missing, and describes every message.
import { expect, it } from "vitest";
import { subjects } from "#bus/subjects";
import { acceptedVerbs } from "#domain/command";
import { fakeServer } from "../fakes.ts";

const { app } = await fakeServer();
const document = (await app.inject("/asyncapi.json")).json();

it("names the subjects of clients, with their words", () => {
  expect(document.asyncapi).toBe("3.0.0");
  const addresses = Object.values(document.channels as Record<string, { address: string }>).map(
    ({ address }) => address,
  );
  expect(addresses).toEqual([
    "baton.task.{task_id}.{verb}",
    "baton.task.{task_id}.override",
    "baton.task.{task_id}.progress",
    subjects.createBatch,
    "baton.batch.{batch_id}.add",
    "baton.batch.{batch_id}.close",
    "baton.work.{name}",
    "baton.event.{batch_id}.{task_id}.{to}",
    "baton.dead.{subject}",
  ]);
  expect(document.channels.commandTask.parameters.verb.enum).toEqual(acceptedVerbs);
});

it("describes every parameter that an address has, and no other", () => {
  for (const { address, parameters } of Object.values(
    document.channels as Record<string, { address: string; parameters: Record<string, { description: string }> }>,
  )) {
    expect(Object.keys(parameters)).toEqual([...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    for (const { description } of Object.values(parameters)) expect(description).toMatch(/\.$/);
  }
});

it("refers to nothing that is missing", () => {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = ""]) => path);
  expect(refs.length).toBeGreaterThan(50);
  for (const path of refs) {
    const found = path.split("/").reduce((at: Record<string, unknown>, key) => at?.[key] as never, document);
    expect(found, path).toBeDefined();
  }
});

it("names the headers of an event, which are those of CloudEvents", () => {
  const { headers } = document.channels.event.messages.message;
  expect(Object.keys(headers.properties)).toEqual([
    ...["Nats-Msg-Id", "ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time"],
  ]);
});

it("says where an answer goes", () => {
  const { commandTask, createBatch, work } = document.operations;
  expect(commandTask.reply.address.location).toBe("$message.header#/Baton-Reply");
  expect([createBatch.action, work.action, work.reply]).toEqual(["receive", "send", undefined]);
});
