// Watches a batch until all of its tasks are final, or the time is up: polls the DAG and shows each picture.
// A server that does not answer for a while is asked again; whatever else it refuses ends the watching.
import { setTimeout as sleep } from "node:timers/promises";
import { BatonRefused, BatonUnreachable, type Client, type Dag } from "../../sdk/client.ts";
import { hasEnded } from "./picture.ts";

const pollMs = 120;

export interface Seen {
  readonly dag: Dag;
  readonly frame: number;
  readonly trouble?: string | undefined;
}

/** Resolves with the DAG as seen last, and whether it ended within `limitMs`. */
export async function watch(
  baton: Client,
  first: Dag,
  limitMs: number,
  show: (seen: Seen) => void,
  signal: AbortSignal,
): Promise<{ readonly dag: Dag; readonly ended: boolean }> {
  const deadline = performance.now() + limitMs;
  let dag = first;
  for (let frame = 0; performance.now() < deadline && !signal.aborted; frame += 1) {
    const next = await look(baton, first.tasks[0]?.batch_id ?? "");
    if (typeof next !== "string") dag = next;
    show({ dag, frame, trouble: typeof next === "string" ? next : undefined });
    if (dag.tasks.every((task) => hasEnded(task))) return { dag, ended: true };
    await sleep(pollMs);
  }
  return { dag, ended: false };
}

// A string says why there is no answer just now.
async function look(baton: Client, batchId: string): Promise<Dag | string> {
  try {
    return await baton.with({ retries: 0 }).dag(batchId);
  } catch (error) {
    if (error instanceof BatonUnreachable) return "no answer, asking again ...";
    if (error instanceof BatonRefused && error.status === 503) return "not available just now, asking again ...";
    throw error;
  }
}
