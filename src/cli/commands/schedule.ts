// `baton schedule`: what makes batches again and again.
import { basename, extname } from "node:path";
import type { ListedSchedule, Schedule } from "../../sdk/client.ts";
import { Mistake, numberOf } from "../arguments.ts";
import { placed, readScheduleFile, valuesOf } from "../batch-file.ts";
import { contextOf, exits, type Settings, shortId } from "../context.ts";
import { columns } from "../screen/columns.ts";
import { follow } from "./watch.ts";

export interface ListOptions extends Settings {
  readonly limit: string;
}

export async function listSchedules(options: ListOptions): Promise<number> {
  const context = contextOf(options);
  const most = numberOf("limit", options.limit, 1, 10_000);
  const found: ListedSchedule[] = [];
  for await (const one of context.baton.every("listSchedules")) if (found.push(one) >= most) break;
  context.show(found, () => {
    if (found.length === 0) return ["no schedules", "Try: baton schedule put nightly.yaml"];
    const rows = found.map((one) => {
      const [last] = one.batches;
      return [one.name, one.paused ? "paused" : "active", timesOf(one), one.next[0] ?? "", last?.status ?? ""];
    });
    return columns(["NAME", "STATE", "TIMES", "NEXT", "LAST"], rows, context.terminal);
  });
  return exits.success;
}

const timesOf = ({ cron, every_secs: every, timezone }: ListedSchedule): string =>
  cron === null ? `every ${every} s` : `${cron} ${timezone}`;

export async function showSchedule(name: string, options: Settings): Promise<number> {
  const context = contextOf(options);
  const one = await context.baton.schedule(nameOf(name));
  context.show(one, () => lines(one));
  return exits.success;
}

function lines(one: Schedule): string[] {
  const row = (title: string, text: string) => `${title.padEnd(10)} ${text}`;
  return [
    row("schedule", one.name),
    row("state", one.paused ? "paused" : "active"),
    row("times", timesOf(one)),
    row("overlap", `${one.overlap}, catch_up ${one.catch_up}${one.until === null ? "" : `, until ${one.until}`}`),
    ...one.next.map((at, i) => row(i === 0 ? "next" : "", at)),
    ...one.batches.map(({ at, batch_id: id, status }, i) =>
      row(i === 0 ? "batches" : "", `${at}  ${shortId(id)}  ${status}`),
    ),
    ...one.skipped.map(({ at, reason }, i) => row(i === 0 ? "left out" : "", `${at}  ${reason}`)),
  ];
}

export interface PutOptions extends Settings {
  readonly name?: string;
  readonly set?: readonly string[];
}

export async function putSchedule(file: string, options: PutOptions): Promise<number> {
  const context = contextOf(options);
  if (file === "-" && options.name === undefined)
    throw new Mistake("what comes from standard input has no name\nTry: baton schedule put - --name nightly");
  const name = nameOf(options.name ?? basename(file, extname(file)));
  const source = await readScheduleFile(file, valuesOf(options.set ?? []));
  try {
    const { status, body } = await context.baton.call("putSchedule", { path: { name }, body: source.schedule });
    context.show(body, () => [
      `schedule ${name} is ${status === 201 ? "made" : "as the file says"}; next at ${body.next[0] ?? "no time"}`,
      ...(body.paused
        ? [`It is paused. Try: baton schedule resume ${name}`]
        : [`Try: baton schedule run ${name} --watch`]),
    ]);
    return exits.success;
  } catch (error) {
    throw placed(error, source);
  }
}

export interface RunOptions extends Settings {
  readonly watch?: boolean;
}

export async function runSchedule(name: string, { watch, ...settings }: RunOptions): Promise<number> {
  const context = contextOf(settings);
  const { batchId, tasks } = await context.baton.runSchedule(nameOf(name));
  if (watch) return follow(context, batchId);
  context.show({ batch_id: batchId, tasks }, () => [
    `batch ${batchId} of schedule ${name}`,
    `Try: baton watch ${batchId}`,
  ]);
  return exits.success;
}

const done = { pause: "paused", resume: "active", delete: "deleted; its batches go on" } as const;

export async function changeSchedule(verb: keyof typeof done, name: string, options: Settings): Promise<number> {
  const context = contextOf(options);
  const { baton } = context;
  nameOf(name);
  if (verb === "delete") await baton.deleteSchedule(name);
  else if (verb === "pause") await baton.pauseSchedule(name);
  else await baton.resumeSchedule(name);
  context.show({ name, done: verb }, () => [`schedule ${name} is ${done[verb]}`]);
  return exits.success;
}

/** As Baton takes it, so that nothing else gets into a path. */
function nameOf(name: string): string {
  if (/^[a-z0-9_-]{1,100}$/.test(name)) return name;
  throw new Mistake(
    `"${name}" is no name of a schedule: it takes a to z, 0 to 9, _ and -, at most 100\nTry: baton schedule list`,
  );
}
