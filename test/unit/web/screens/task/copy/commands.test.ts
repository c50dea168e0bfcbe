// A task's acts as commands to copy.
import { expect, it } from "vitest";
import { states as taskStatuses } from "#web/data/states";
import { commandsOf } from "#web/screens/task/copy/commands";

const id = "019b0000-0000-7000-8000-000000000001";
const batchId = "019b0000-0000-7000-8000-000000000002";
const place = { url: "https://baton.example.com", hasToken: false };
const commands = (status: (typeof taskStatuses)[number], more = {}) =>
  commandsOf({ id, batch_id: batchId, status }, { ...place, ...more });
const named = (status: (typeof taskStatuses)[number], name: string, more = {}) =>
  commands(status, more).find((command) => command.name === name)?.by;

it("says the same by each tool", () => {
  expect(named("Pending", "Cancel it")).toEqual({
    curl: `curl -X DELETE 'https://baton.example.com/task/${id}?reason=why'`,
    CLI: `BATON_URL=https://baton.example.com baton cancel ${id} --reason why`,
    NATS: `nats pub -J "baton.task.${id}.cancel" '{"reason":"why"}'`,
    SDK: `import { connect } from "@baton/sdk";\n\nconst baton = connect("https://baton.example.com");\nawait baton.cancel("${id}", "why");`,
  });
  expect(named("Running", "Override its end")?.curl).toBe(
    `curl -X POST 'https://baton.example.com/task/${id}/override' \\\n  -H 'content-type: application/json' -d '{"status":"Success","reason":"why"}'`,
  );
});

it("offers what the state takes", () => {
  expect(commands("Pending").map(({ name }) => name)).toEqual([
    "Look at it",
    "Cancel it",
    "Pause it",
    "Override its end",
  ]);
  expect(commands("Paused").map(({ name }) => name)).toContain("Resume it");
  expect(commands("Running").map(({ name }) => name)).toContain("Report success");
  expect(commands("Failure").map(({ name }) => name)).toEqual(["Look at it", "Rerun from here"]);
});

it("never writes a token out, and says where it goes", () => {
  const by = named("Success", "Look at it", { hasToken: true });
  expect(by?.curl).toContain('-H "authorization: Bearer $BATON_TOKEN"');
  expect(by?.SDK).toContain("process.env.BATON_TOKEN");
});

it.each(taskStatuses)("leaves nothing empty in state %s", (status) => {
  for (const { by } of commands(status)) for (const text of Object.values(by)) expect(text).not.toBe("");
});
