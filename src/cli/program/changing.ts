// The commands that change one task or one batch.
import { type Command, Option } from "commander";
import { given, type Runs } from "./runs.ts";

const verbs = {
  cancel: "cancel a task, or what is unfinished of a batch",
  pause: "pause a task, or what of a batch has not started",
  resume: "resume a task or a batch",
} as const;

export function changing(program: Command, runs: Runs): void {
  for (const verb of Object.keys(verbs) as (keyof typeof verbs)[])
    program
      .command(verb)
      .description(verbs[verb])
      .argument("<id>", "a task or a batch")
      .option("--reason <text>", "why; it stands in the events")
      .action(runs(async ([id], options) => (await import("../commands/change.ts")).change(verb, given(id), options)));
  program
    .command("rerun")
    .description("run again what of a complete batch did not succeed, as a new batch")
    .argument("<batch>")
    .option("--all", "everything")
    .option("--dependents", "also what depends on it")
    .option("--from <task...>", "these tasks and what depends on them")
    .action(runs(async ([id], options) => (await import("../commands/change.ts")).rerun(given(id), options)));
  program
    .command("override")
    .description("say how an unfinished task ends, because you know better")
    .argument("<task>")
    .addOption(
      new Option("--status <status>", "how it ends").choices(["Success", "Failure", "Skipped"]).makeOptionMandatory(),
    )
    .requiredOption("--reason <text>", "why; it stands in the events")
    .option("--result <json>", "its result")
    .action(runs(async ([id], options) => (await import("../commands/change.ts")).override(given(id), options)));
  program
    .command("replay")
    .description("send a notification again, or all that were exhausted since a time")
    .argument("[delivery]")
    .option("--since <time>", "RFC 3339: 2026-01-31T00:00:00Z")
    .action(runs(async ([id], options) => (await import("../commands/change.ts")).replay(id, options)));
  program
    .command("complete")
    .description("report Success to a handle, as a service does")
    .argument("<handle>", "the URL that a start call carries")
    .option("--result <json>", "its result")
    .action(
      runs(async ([handle], options) => (await import("../commands/change.ts")).complete(given(handle), options)),
    );
  program
    .command("fail")
    .description("report Failure to a handle, as a service does")
    .argument("<handle>", "the URL that a start call carries")
    .option("--reason <text>", "why")
    .action(runs(async ([handle], options) => (await import("../commands/change.ts")).fail(given(handle), options)));
}
