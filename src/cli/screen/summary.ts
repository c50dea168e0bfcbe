// What the demo says at the end: how the tasks ended, which deliveries arrived, what went wrong, where to look closer. Pure.
import type { Dag } from "../../sdk/client.ts";
import type { FakeService } from "../fake-service.ts";
import { states } from "./fan.ts";
import { seconds, type Terminal, thousands } from "./terminal.ts";

export interface Ending {
  readonly dag: Dag;
  readonly batchId: string;
  readonly url: string;
  readonly service: Pick<FakeService, "deliveries" | "counts" | "trouble">;
  readonly faults: readonly string[];
  readonly beganMs: number;
}

export function summary(
  { dag, batchId, url, service, faults, beganMs }: Ending,
  terminal: Pick<Terminal, "paint">,
): string[] {
  const { paint } = terminal;
  const { tasks } = dag;
  const name = new Map(tasks.map((task) => [task.id, task.local_id]));
  const tookMs = Math.max(...tasks.map((task) => Date.parse(task.ended_at ?? task.last_updated))) - beganMs;
  const { starts, repeatedStarts, repeatedDeliveries } = service.counts;
  const deliveries = service.deliveries.map(({ path, trigger, baton }) => {
    const of = name.get(String(baton.task_id)) ?? "the batch";
    return `    ${paint("green", "→")} ${path.padEnd(26)} ${paint("dim", `${trigger} of ${of}${ending(baton)}`)}`;
  });
  const verdict =
    faults.length === 0
      ? `  ${paint(["green", "bold"], "✔ Everything ended as expected.")}`
      : `  ${paint(["red", "bold"], "✘ Not everything ended as expected:")}`;
  return [
    `  ${tasks.length} tasks in ${seconds(tookMs)}: ${states(tasks, terminal)}`,
    `  ${thousands(starts)} start calls, ${repeatedStarts === 0 ? "each task once" : `${repeatedStarts} of them repeated`}${counted(dag)}`,
    "",
    `  Deliveries that arrived${repeatedDeliveries ? ` (${repeatedDeliveries} of them more than once)` : ""}:`,
    ...(deliveries.length > 0 ? deliveries : [`    ${paint("dim", "none")}`]),
    "",
    verdict,
    ...[...faults, ...service.trouble.slice(0, 5)].map((line) => `    ${paint("red", line)}`),
    "",
    `  ${paint("dim", `Look closer: curl ${url}/dag/${batchId}`)}`,
  ];
}

function ending(baton: Readonly<Record<string, unknown>>): string {
  const { status, counts } = baton;
  if (typeof status === "string") return ` (${status})`;
  return counts && typeof counts === "object" ? " (complete)" : "";
}

function counted({ tasks }: Dag): string {
  const success = tasks.reduce((sum, task) => sum + task.success, 0);
  const failures = tasks.reduce((sum, task) => sum + task.failures, 0);
  if (success + failures === 0) return "";
  return `; ${thousands(success + failures)} items counted, ${thousands(failures)} of them failed`;
}
