// A message that is sent again arrives as it came where something takes it, and nowhere else.
import { expect, it } from "vitest";
import { resend } from "#bus/resend";
import { until } from "#test/until";
import { openStand } from "./stand.ts";

const task = "0190b1a2-0000-7000-8000-000000000001";
const payload = Uint8Array.of(0xff, 0x00, 0x7b);

it("stores commands and counters, and asks for batches", async () => {
  const { bus, nc, count } = await openStand();
  const heard: Uint8Array[] = [];
  nc.subscribe("baton.batch.create", { callback: (_, { data }) => void heard.push(data) });
  await nc.flush();
  for (const subject of [
    `baton.task.${task}.succeed`,
    "baton.task.x.y.z",
    "baton.door",
    "baton.progress",
    "baton.batch.create",
  ])
    expect([subject, await resend(bus, { subject, payload })]).toEqual([subject, true]);
  expect([await count("BATON_COMMANDS"), await count("BATON_PROGRESS")]).toEqual([3, 1]);
  await until(() => heard.length === 1);
  expect(heard.map((data) => [...data])).toEqual([[...payload]]);
});

it("sends nothing where nothing takes it", async () => {
  const { bus, count } = await openStand();
  const subjects = [
    "baton.work.x",
    "baton.event.x",
    "baton.task",
    "baton.task.",
    "baton.task.*.fail",
    "baton.task.>",
    "$JS.API",
    "",
  ];
  for (const subject of subjects) expect([subject, await resend(bus, { subject, payload })]).toEqual([subject, false]);
  expect(await count("BATON_COMMANDS")).toBe(0);
});
