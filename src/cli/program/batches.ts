// The commands that create and show batches and tasks.
import { Argument, type Command } from "commander";
import { given, type Runs } from "./runs.ts";

const listed = ["batches", "tasks", "deliveries", "receivers", "limits", "workers", "dead-letters"] as const;

export function batches(program: Command, runs: Runs): void {
  program
    .command("submit")
    .description("create a batch from a file")
    .argument("<file>", 'JSON or YAML: what POST /task takes; "-" reads standard input')
    .option("--watch", "show it until it is complete; the exit code is the verdict")
    .option("--dry-run", "check it and show its levels; create nothing")
    .option("--set <name=value...>", "fill in {{name}}")
    .option("--key <key>", "an Idempotency-Key of yours: submitted again under it, the batch is created once")
    .action(runs(async ([file], options) => (await import("../commands/watch.ts")).submit(given(file), options)));
  program
    .command("watch")
    .description("show a batch until it is complete; the exit code is the verdict")
    .argument("<batch>", "its id, or the beginning of it")
    .action(runs(async ([id], options) => (await import("../commands/watch.ts")).watch(given(id), options)));
  program
    .command("get")
    .description("show a task or a batch")
    .argument("<id>", "its id, or the beginning of it")
    .action(runs(async ([id], options) => (await import("../commands/inspect.ts")).get(given(id), options)));
  program
    .command("why")
    .description("say why a task does not run now")
    .argument("<task>", "its id, or the beginning of it")
    .action(runs(async ([id], options) => (await import("../commands/inspect.ts")).why(given(id), options)));
  program
    .command("list")
    .description("list batches, tasks, or what operators look at, newest first or by name")
    .addArgument(new Argument("[what]").choices(listed).default("batches"))
    .option("--status <states>", "batches, tasks, deliveries: in one of these states, comma-separated")
    .option("--kind <text>", "batches, tasks: of a kind that contains this")
    .option("--scope <scope>", "batches: of this scope")
    .option("--batch <id>", "tasks, deliveries: of this batch")
    .option("--receiver <host:port>", "deliveries: to this receiver")
    .option("--limit <n>", "how many at most", "20")
    .action(runs(async ([what], options) => (await import("../commands/list.ts")).list(what as "tasks", options)));
  program
    .command("events")
    .description("the transitions of a task; with --follow those of a task, a batch or all, as they happen")
    .argument("[id]", "a task or a batch")
    .option("--follow", "go on until Ctrl-C")
    .action(runs(async ([id], options) => (await import("../commands/inspect.ts")).events(id, options)));
}
