// The commands on many things at once, and on schedules.
import { Argument, type Command } from "commander";
import { given, type Runs } from "./runs.ts";

export function many(program: Command, runs: Runs): void {
  bulk(program, runs);
  schedule(program, runs);
}

const bulkVerbs = {
  cancel: ["cancel all tasks or batches that match", ["tasks", "batches"]],
  pause: ["pause all tasks or batches that match", ["tasks", "batches"]],
  resume: ["resume all tasks or batches that match", ["tasks", "batches"]],
  rerun: ["run again what failed in all complete batches that match", ["batches"]],
  replay: ["send all notifications again that match", ["deliveries"]],
} as const;

function bulk(program: Command, runs: Runs): void {
  const all = program
    .command("bulk")
    .description("cancel, pause, resume, rerun or replay everything that matches; first it says how many that are");
  for (const [verb, [says, takes]] of Object.entries(bulkVerbs)) {
    const command = all
      .command(verb)
      .description(says)
      .addArgument(new Argument(takes.length > 1 ? "<what>" : "[what]").choices(takes))
      .option("--status <states>", "in one of these states, comma-separated");
    filters(command, takes);
    command
      .option("--reason <text>", "why; it stands in the events")
      .option("--dry-run", "only say how many match")
      .option("--yes", "do not ask")
      .option("--detach", "do not wait for the end")
      .option("--key <key>", "an Idempotency-Key of yours: asked again under it, it is done once")
      .action(
        runs(async ([what = takes[0]], options) =>
          (await import("../commands/bulk.ts")).bulk(verb as "cancel", what as "tasks", options),
        ),
      );
  }
  all
    .command("list")
    .description("list bulk operations, newest first")
    .option("--limit <n>", "how many at most", "20")
    .action(runs(async (_, options) => (await import("../commands/bulk.ts")).listBulk(options)));
  all
    .command("show")
    .description("show how far a bulk operation is")
    .argument("<id>", "its id, or the beginning of it")
    .option("--watch", "until it is over")
    .action(runs(async ([id], options) => (await import("../commands/bulk.ts")).showBulk(given(id), options)));
  all
    .command("stop")
    .description("stop a bulk operation; what it did stays done")
    .argument("<id>", "its id, or the beginning of it")
    .action(runs(async ([id], options) => (await import("../commands/bulk.ts")).stopBulk(given(id), options)));
}

function filters(command: Command, takes: readonly string[]): void {
  if (takes.includes("deliveries")) {
    command
      .option("--task <id>", "about this task")
      .option("--batch <id>", "about this batch and its tasks")
      .option("--receiver <host:port>", "to this receiver");
    return;
  }
  command
    .option("--kind <text>", "of a kind that contains this")
    .option("--name <text>", "of a name that contains this")
    .option("--metadata <json>", "whose metadata contains this");
  if (takes.includes("tasks")) command.option("--batch <id>", "tasks of this batch");
  command
    .option("--scope <scope>", "batches of this scope")
    .option("--created-after <time>", "batches created after this time, RFC 3339")
    .option("--created-before <time>", "batches created before this time, RFC 3339");
}

function schedule(program: Command, runs: Runs): void {
  const all = program.command("schedule").description("make a batch again and again: list, show and change schedules");
  all
    .command("list")
    .description("list schedules by name, with their next times")
    .option("--limit <n>", "how many at most", "100")
    .action(runs(async (_, options) => (await import("../commands/schedule.ts")).listSchedules(options)));
  all
    .command("show")
    .description("show a schedule: its next times, its last batches, what was left out")
    .argument("<name>")
    .action(
      runs(async ([name], options) => (await import("../commands/schedule.ts")).showSchedule(given(name), options)),
    );
  all
    .command("put")
    .description("make or change a schedule from a file")
    .argument("<file>", 'JSON or YAML: what PUT /schedules/{name} takes; "-" reads standard input')
    .option("--name <name>", "its name; the name of the file if left out")
    .option("--set <name=value...>", "fill in {{name}}")
    .action(
      runs(async ([file], options) => (await import("../commands/schedule.ts")).putSchedule(given(file), options)),
    );
  all
    .command("run")
    .description("make a batch of a schedule now")
    .argument("<name>")
    .option("--watch", "show it until it is complete; the exit code is the verdict")
    .action(
      runs(async ([name], options) => (await import("../commands/schedule.ts")).runSchedule(given(name), options)),
    );
  for (const [verb, says] of [
    ["pause", "hold a schedule"],
    ["resume", "let a schedule go on from its next time"],
    ["delete", "delete a schedule; its batches go on"],
  ] as const)
    all
      .command(verb)
      .description(says)
      .argument("<name>")
      .action(
        runs(async ([name], options) =>
          (await import("../commands/schedule.ts")).changeSchedule(verb, given(name), options),
        ),
      );
}
