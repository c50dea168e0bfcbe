// The commands that look after Baton, and after the command line itself.
import { Argument, type Command } from "commander";
import { candidates, completionScript, shells } from "../completion.ts";
import type { Runs } from "./runs.ts";

export function helping(program: Command, runs: Runs): void {
  program
    .command("doctor")
    .description("look at what keeps tasks from running, and say how to mend it")
    .action(runs(async (_, options) => (await import("../commands/doctor.ts")).doctor(options)));
  program
    .command("migrate")
    .description("bring the schema of DATABASE_URL up to date, and end")
    .action(runs.alone(async (_, options) => (await import("../commands/migrate.ts")).migrate(options)));
  program
    .command("profiles")
    .description("list the Batons of your file of profiles; tokens are not shown")
    .action(runs.alone(async (_, options) => (await import("../commands/profiles.ts")).profiles(options)));
  program
    .command("completion")
    .description("print what makes TAB complete commands: source <(baton completion bash)")
    .addArgument(new Argument("<shell>").choices(shells))
    .action(
      runs.alone(async ([shell]) => {
        process.stdout.write(completionScript(shell as (typeof shells)[number]));
        return 0;
      }),
    );
  program
    .command("complete-words", { hidden: true })
    .argument("[words...]")
    .action(
      runs.alone(async ([words]) => {
        for (const line of candidates(program, words as unknown as string[])) process.stdout.write(`${line}\n`);
        return 0;
      }),
    );
}
