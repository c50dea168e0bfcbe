// What the log says of a dead letter: the task, batch or delivery that it was about, as a field.
import { expect, it } from "vitest";
import { setAside } from "#bus/dead";

const id = "0190AAAA-0000-7000-8000-000000000001";
const low = id.toLowerCase();

it.each([
  [`baton.task.${id}.succeed`, { task: low }],
  [`baton.batch.${id}.add`, { batch: low }],
  [`baton.delivery.${id}.replay`, { delivery: low }],
  ["baton.task.no-id.succeed", {}],
  ["baton.door", {}],
])("names what %s is about, also where the letter is lost", async (subject, ids) => {
  const lines: [string, Record<string, unknown>][] = [];
  const log = {
    warn: (said: object) => lines.push(["warn", { ...said }]),
    error: (said: object) => lines.push(["error", { ...said }]),
  };
  const err = new Error("no stream");
  setAside({ js: { publish: () => Promise.reject(err) } } as never, { subject, data: "{" }, "no JSON", log as never);
  await Promise.resolve();
  const about = { ...ids, subject, reason: "no JSON" };
  expect(lines).toEqual([
    ["warn", about],
    ["error", { err, ...about }],
  ]);
});
