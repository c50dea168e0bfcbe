// `baton bulk`: first how many match, then, once somebody has agreed, all of them, shown until it is over. Ctrl-C ends the showing; the
// operation goes on.
import { setTimeout as sleep } from "node:timers/promises";
import type { Bulk, BulkMatched, BulkOperation } from "../../sdk/client.ts";
import { jsonOf, Mistake, numberOf } from "../arguments.ts";
import { type Context, contextOf, exits, idAmong, idOf, type Settings, shortId } from "../context.ts";
import { interruption } from "../interrupt.ts";
import { agreed, canAsk } from "../screen/ask.ts";
import { bulkCounts, bulkPicture } from "../screen/bulk.ts";
import { ago, columns } from "../screen/columns.ts";
import { thousands } from "../screen/terminal.ts";

type What = "tasks" | "batches" | "deliveries";

export interface BulkOptions extends Settings {
  readonly status?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly metadata?: string;
  readonly scope?: string;
  readonly batch?: string;
  readonly task?: string;
  readonly receiver?: string;
  readonly createdAfter?: string;
  readonly createdBefore?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly detach?: boolean;
  readonly key?: string;
}

/** Which filters each listing knows; the others are refused here, before Baton is asked. */
const known: Readonly<Record<What, readonly string[]>> = {
  tasks: ["status", "kind", "name", "metadata", "batch"],
  batches: ["status", "kind", "name", "metadata", "scope", "created-after", "created-before"],
  deliveries: ["status", "task", "batch", "receiver"],
};

export async function bulk(action: Bulk["action"], what: What, options: BulkOptions): Promise<number> {
  const context = contextOf(options);
  const { baton, terminal } = context;
  const filter = await filterOf(context, what, options);
  const { reason, key } = options;
  const asked: Bulk = { action, [what]: filter, ...(reason === undefined ? {} : { reason }) };
  const plan = (await baton.call("createBulk", { body: { ...asked, dry_run: true } })).body as BulkMatched;
  const count = `${thousands(plan.matched)}${plan.more ? " or more" : ""} ${what} match`;
  if (options.dryRun) {
    context.show(plan, () => [count, ...sampleLines(plan), terminal.paint("dim", "nothing was changed")]);
    return exits.success;
  }
  if (plan.matched === 0) {
    context.show({ ...plan, bulk_id: null }, () => [`${count}: nothing to ${action}`]);
    return exits.success;
  }
  if (!options.yes) {
    if (!canAsk())
      throw new Mistake(`${count}, and nobody is there to agree\nTry: the same with --yes, or with --dry-run`);
    process.stderr.write(`${[count, ...sampleLines(plan)].join("\n")}\n`);
    if (!(await agreed(`${action[0]?.toUpperCase()}${action.slice(1)} them?`))) {
      process.stderr.write("nothing was changed\n");
      return exits.canceled;
    }
  }
  const made = await baton.call("createBulk", { body: asked, ...(key === undefined ? {} : { idempotencyKey: key }) });
  const { bulk_id: id } = made.body as { readonly bulk_id: string };
  if (options.detach) {
    context.show(made.body, () => [`${count}: operation ${id}`, `Try: baton bulk show ${id} --watch`]);
    return exits.success;
  }
  return follow(context, id);
}

const sampleLines = ({ matched, sample }: BulkMatched): string[] => {
  const left = matched - sample.length;
  return [...sample.map((id) => `  ${id}`), ...(left > 0 ? [`  and ${thousands(left)} more`] : [])];
};

async function filterOf(
  { baton }: Context,
  what: What,
  options: BulkOptions,
): Promise<Readonly<Record<string, unknown>>> {
  const { status, kind, name, scope, receiver, metadata, batch, task, createdAfter, createdBefore } = options;
  const given = {
    ...{ status, kind, name, scope, receiver, metadata, batch, task },
    ...{ "created-after": createdAfter, "created-before": createdBefore },
  };
  const names = Object.entries(given).flatMap(([option, value]) => (value === undefined ? [] : [option]));
  const wrong = names.filter((option) => !known[what].includes(option));
  const list = known[what].map((option) => `--${option}`).join(", ");
  if (wrong.length > 0) throw new Mistake(`--${wrong[0]} is no filter of ${what}: they have ${list}`);
  if (names.length === 0) throw new Mistake(`nothing says which ${what} are meant: give one of ${list}`);
  const entries = Object.entries({
    ...{ status, kind, name, scope, receiver, created_after: createdAfter, created_before: createdBefore },
    metadata: metadata === undefined ? undefined : jsonOf("--metadata", metadata),
    batch_id: batch === undefined ? undefined : await idOf(baton, batch, "batch"),
    task_id: task === undefined ? undefined : await idOf(baton, task, "task"),
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

const pollMs = 200;

/** Shows it until it is over; the exit code says whether all of it could be done. */
async function follow(context: Context, id: string): Promise<number> {
  const { baton, terminal, json } = context;
  const interrupt = interruption();
  for (let said = ""; !interrupt.aborted; ) {
    const { body: seen } = await baton.call("getBulk", { path: { id } });
    const isOver = seen.ended_at !== null;
    if (terminal.live) terminal.draw(bulkPicture(seen, terminal));
    else if (!json) {
      const now = `${seen.state}: ${bulkCounts(seen)}`;
      if (now !== said) terminal.print(now);
      said = now;
    }
    if (isOver) {
      context.show(seen, () => endLines(seen, terminal.live));
      return verdict(seen);
    }
    await sleep(pollMs, undefined, { signal: interrupt }).catch(() => {});
  }
  if (!json) terminal.print(`It goes on. Try: baton bulk show ${id} --watch, or baton bulk stop ${id}`);
  return exits.interrupted;
}

const verdict = ({ state, failed }: BulkOperation): number =>
  failed > 0 ? exits.failure : state === "stopped" ? exits.canceled : exits.success;

function endLines({ bulk_id: id, failed }: BulkOperation, wasLive: boolean): string[] {
  const lines = wasLive ? [] : [`operation ${id}`];
  return failed > 0 ? [...lines, `${thousands(failed)} could not be done. Try: baton doctor`] : lines;
}

export interface ListBulkOptions extends Settings {
  readonly limit: string;
}

export async function listBulk(options: ListBulkOptions): Promise<number> {
  const context = contextOf(options);
  const most = numberOf("limit", options.limit, 1, 10_000);
  const found: BulkOperation[] = [];
  for await (const one of context.baton.every("listBulks")) if (found.push(one) >= most) break;
  context.show(found, () => {
    if (found.length === 0) return ["no bulk operations"];
    const nowMs = Date.now();
    const rows = found.map((one) => [
      ...[shortId(one.bulk_id), one.action, one.state, one.matched === null ? "" : thousands(one.matched)],
      ...[thousands(one.done), thousands(one.failed), ago(one.created_at, nowMs), one.reason ?? ""],
    ]);
    const heads = ["ID", "ACTION", "STATE", "MATCHED", "DONE", "FAILED", "AGE", "REASON"];
    return columns(heads, rows, context.terminal);
  });
  return exits.success;
}

export interface ShowBulkOptions extends Settings {
  readonly watch?: boolean;
}

export async function showBulk(id: string, options: ShowBulkOptions): Promise<number> {
  const context = contextOf(options);
  const whole = await bulkIdOf(context, id);
  if (options.watch) return follow(context, whole);
  const { body: one } = await context.baton.call("getBulk", { path: { id: whole } });
  context.show(one, () => [
    `operation ${one.bulk_id}: ${one.action} ${JSON.stringify(one.filter)}`,
    `${one.state}: ${bulkCounts(one)}`,
    `asked for at ${one.created_at} by ${one.actor}${one.reason === null ? "" : `: ${one.reason}`}`,
    ...(one.ended_at === null ? [`Try: baton bulk stop ${one.bulk_id}`] : [`over at ${one.ended_at}`]),
  ]);
  return exits.success;
}

export async function stopBulk(id: string, options: Settings): Promise<number> {
  const context = contextOf(options);
  const { body: one } = await context.baton.call("stopBulk", { path: { id: await bulkIdOf(context, id) } });
  context.show(one, () => [`${one.state}: ${bulkCounts(one)}`]);
  return exits.success;
}

function bulkIdOf({ baton }: Context, id: string): Promise<string> {
  async function* ids() {
    for await (const { bulk_id: one } of baton.every("listBulks")) yield one;
  }
  return idAmong(ids(), id, ["bulk operation", "baton bulk list"]);
}
