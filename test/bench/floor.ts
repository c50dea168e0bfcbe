// Measures the floor: the two HTTP exchanges of a task's life (start call out, report in) between bare processes laid out as
// Baton's are, with no state behind them. What no task runner in Node can pass on this machine.
import { floorRuns, floorWarmUp, runLimitMs, startLimitMs } from "./limits.ts";
import type { FloorApiTell, FloorWorkerTell } from "./messages.ts";
import { type Part, type Receiver, startPart } from "./processes.ts";

/** Lives per second of each counted run. The processes are new, warmed up by a shorter run, and ended before it resolves. */
export async function measureFloor(receiver: Receiver, lives: number, workers: number): Promise<number[]> {
  const api = startPart("floor-api.ts");
  const callers = Array.from({ length: workers }, () => startPart("floor-worker.ts"));
  try {
    const [url] = await Promise.all([
      api.hear((m: FloorApiTell) => m.url, startLimitMs, "starting the bare API"),
      ...callers.map((part) => part.hear((m: FloorWorkerTell) => "ready" in m || undefined, startLimitMs, "starting")),
    ]);
    await run(receiver, url, callers, floorWarmUp);
    const rates: number[] = [];
    for (let i = 0; i < floorRuns; i += 1) rates.push(await run(receiver, url, callers, lives));
    return rates;
  } finally {
    await Promise.all([api, ...callers].map((part) => part.end()));
  }
}

async function run(receiver: Receiver, api: string, callers: readonly Part[], lives: number): Promise<number> {
  const share = Math.ceil(lives / callers.length);
  const all = share * callers.length;
  const { ms, success } = await receiver.measure(all, () =>
    Promise.all(
      callers.map((part) => {
        const called = part.hear((m: FloorWorkerTell) => ("called" in m ? true : undefined), runLimitMs, "calling");
        part.send({ receiver: receiver.url, api, lives: share });
        return called;
      }),
    ),
  );
  if (success !== all) throw new Error(`only ${success} of ${all} floor reports were answered`);
  return (all / ms) * 1000;
}
