// Each outcome of a command is counted as what it was, and nothing is counted that docs/metrics.md does not name.
import { randomUUID } from "node:crypto";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import type { CommandOutcome } from "#domain/outcome";
import type { Db } from "#store/pg/pool";
import { metrics, renderMetrics } from "#telemetry/metrics";
import { undocumented } from "#test/metrics";
import { until } from "#test/until";
import { create, openStage, type Rig, startRig } from "./stage.ts";

let db: Db;
beforeAll(async () => {
  ({ db } = await openStage());
});

/** How often commands of this kind have ended so in this process. */
const counted = (kind: string, outcome: CommandOutcome): number => {
  const sample = metrics.commands.samples().find((line) => line.includes(`{kind="${kind}",outcome="${outcome}"}`));
  return Number(sample?.split(" ").at(-1) ?? 0);
};

const noTask = "no id at all";

const cases: readonly [CommandOutcome, string, (rig: Rig, task: string) => unknown][] = [
  ["done", "cancel", (rig, target) => rig.ask({ verb: "cancel", target })],
  ["rejected", "cancel", (rig) => rig.ask({ verb: "cancel", target: randomUUID() })],
  ["expired", "cancel", (rig, target) => rig.ask({ verb: "cancel", target }, { storedAt: Date.now() - 60_000 })],
  ["stale", "due", (rig, task) => rig.mailbox.tell({ type: "due", task, ends: true })],
  ["failed", "due", (rig) => rig.mailbox.tell({ type: "due", task: noTask, ends: true })],
  ["dead_letter", "cancel", (rig) => rig.ask({ verb: "cancel", target: noTask })],
];

it.each(cases)("counts %s", async (outcome, kind, make) => {
  const rig = startRig(db);
  onTestFinished(() => rig.stop());
  const { ids } = await create(db, [{}]);
  const before = counted(kind, outcome);
  await make(rig, ids[0] as string);
  await until(() => counted(kind, outcome) === before + 1);
});

it("emits nothing that the page of metrics does not name", () => {
  expect(undocumented(renderMetrics())).toEqual([]);
});
