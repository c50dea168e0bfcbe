/**
 * `baton demo`: posts an example against a built-in fake service and shows it run to its end.
 * Exit code 0: everything ended as the example expects and every delivery arrived; 1: something did not; 2: there is no
 * Baton to talk to, or it was called wrongly. Ctrl-C stops the batch and ends with 130.
 */
import { basename, extname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type BatchInput, BatonRefused, BatonUnreachable, type Client, connect, type Dag } from "../../sdk/client.ts";
import { numberOf, urlOf } from "../arguments.ts";
import type { Settings } from "../context.ts";
import { exampleFile, expectedDeliveries, loadExample, unexpected } from "../example.ts";
import { type FakeService, startFakeService } from "../fake-service.ts";
import { interruption } from "../interrupt.ts";
import { countersOf, fan } from "../screen/fan.ts";
import { digest, journal } from "../screen/journal.ts";
import type { DemoView } from "../screen/picture.ts";
import { summary } from "../screen/summary.ts";
import { table } from "../screen/table.ts";
import { openTerminal, type Terminal } from "../screen/terminal.ts";
import { type Seen, watch } from "../screen/watch.ts";

export interface DemoOptions extends Settings {
  readonly example: string;
  readonly file?: string;
  readonly speed: string;
  readonly timeout: string;
}

const readyWithinMs = 20_000;
const settleWithinMs = 10_000;
const largestTable = 40;

/** Runs the command; resolves with the exit code. */
export async function demo(values: DemoOptions): Promise<number> {
  const speed = numberOf("speed", values.speed, 0.01, 100);
  const limitMs = numberOf("timeout", values.timeout, 1, 86_400) * 1000;
  const terminal = openTerminal(process.stdout, values.plain);
  const baton = connect(urlOf("url", values.url), { token: values.token, timeoutMs: 15_000 });
  const interrupt = interruption();
  const refusal = await notReady(baton, terminal, interrupt);
  if (interrupt.aborted) return 130;
  if (refusal) return fault(refusal);

  const file = exampleFile(values.file ?? values.example);
  const service = await startFakeService({ speed, token: values.token });
  try {
    const batch = await loadExample(file, service.url);
    const title = basename(file, extname(file));
    return await play({ baton, terminal, service, batch, title, limitMs, interrupt });
  } catch (error) {
    if (error instanceof BatonRefused) return fault(explained(error));
    if (error instanceof BatonUnreachable) return fault(`Lost Baton: ${error.message}`);
    throw error;
  } finally {
    await service.close();
  }
}

interface Play {
  readonly baton: Client;
  readonly terminal: Terminal;
  readonly service: FakeService;
  readonly batch: BatchInput;
  readonly title: string;
  readonly limitMs: number;
  readonly interrupt: AbortSignal;
}

async function play({ baton, terminal, service, batch, title, limitMs, interrupt }: Play): Promise<number> {
  const sentMs = Date.now();
  const { batchId, tasks } = await baton.create(batch);
  if (tasks.length === 0) return fault("Baton created nothing: every task of the example was deduplicated.");
  const beganMs = Date.parse(tasks[0]?.created_at ?? "");
  const view = (seen: Seen): DemoView => ({
    title: `baton demo · ${title}`,
    beganMs,
    nowMs: beganMs + Date.now() - sentMs,
    ...seen,
  });
  const many = tasks.length > largestTable;
  const draw = many ? fan : table;
  const log = terminal.live ? undefined : many ? digest(terminal) : journal(terminal, beganMs);
  const show = (seen: Seen) => (log ? log(seen) : terminal.draw(draw(view(seen), terminal)));

  if (log) terminal.print(`${title}: batch ${batchId}, ${tasks.length} tasks`);
  const { dag, ended } = await watch(baton, { tasks, links: [] }, limitMs, show, interrupt);
  if (interrupt.aborted) {
    await baton.stop(batchId).catch(() => {});
    terminal.print("  stopped");
    return 130;
  }
  const faults = ended ? [] : [`It did not end within ${limitMs / 1000} s.`, ...stuck(dag)];
  if (ended) faults.push(...unexpected(batch, dag.tasks), ...(await settle(baton, service, batch, dag)));
  // Counters may have moved after the last look.
  const last = await baton.dag(batchId);
  if (terminal.live) terminal.draw(draw(view({ dag: last, frame: 0 }), terminal));
  for (const line of summary({ dag: last, batchId, url: baton.url, service, faults, beganMs }, terminal))
    terminal.print(line);
  return faults.length === 0 ? 0 : 1;
}

// What arrives a moment after the last task's end: deliveries, and counters that were still on their way.
async function settle(baton: Client, service: FakeService, batch: BatchInput, dag: Dag): Promise<string[]> {
  const expected = expectedDeliveries(batch, dag.tasks, service.url);
  const { expected: items } = countersOf(dag.tasks.filter((task) => task.status === "Success"));
  const batchId = dag.tasks[0]?.batch_id ?? "";
  let faults: string[] = [];
  for (const deadline = performance.now() + settleWithinMs; performance.now() < deadline; await sleep(100)) {
    const { tasks } = await baton.dag(batchId);
    const { counted } = countersOf(tasks.filter((task) => task.status === "Success"));
    const missing = [...expected];
    for (const { path } of service.deliveries) if (missing.includes(path)) missing.splice(missing.indexOf(path), 1);
    faults = missing.map((path) => `No delivery came to ${path}.`);
    if (counted !== items) faults.push(`${counted} items were counted, ${items} were reported.`);
    if (faults.length === 0) break;
  }
  return faults;
}

// Undefined once Baton takes work; else what to tell the user.
async function notReady(baton: Client, terminal: Terminal, interrupt: AbortSignal): Promise<string | undefined> {
  for (const deadline = performance.now() + readyWithinMs; ; await sleep(300)) {
    try {
      if (await baton.ready()) return undefined;
    } catch (error) {
      if (error instanceof BatonRefused)
        return `What answers at ${baton.url} does not look like Baton (GET /ready: ${error.message}).`;
      return `No Baton answers at ${(error as Error).message}.\nStart Baton first, in another terminal:  npm start (from a checkout) or baton dev`;
    }
    if (interrupt.aborted) return "stopped";
    if (performance.now() > deadline) return `Baton at ${baton.url} is up but not ready: its Postgres or NATS is away.`;
    terminal.draw([`  Baton at ${baton.url} is not ready yet, waiting ...`]);
  }
}

function stuck({ tasks }: Dag): string[] {
  if (tasks.some((task) => task.started_at)) return [];
  return ["No task was ever claimed: is a process with ROLES=worker running?"];
}

function explained({ status, message, details }: BatonRefused): string {
  const text = [
    `Baton refused the example (HTTP ${status}): ${message}`,
    ...details.slice(0, 5).map((detail) => `  ${detail}`),
  ];
  const guarded = details.some((detail) => /127\.0\.0\.1|loopback|private|blocked|not allowed/i.test(detail));
  if (guarded)
    text.push(
      "The demo's service listens on 127.0.0.1. npm start allows that; else set ALLOWED_CIDRS=127.0.0.0/8 for Baton.",
    );
  if (status === 401 || status === 403) text.push("Pass a token with --token.");
  return text.join("\n");
}

function fault(message: string): number {
  process.stderr.write(`${message}\n`);
  return 2;
}
