// The commands, with their arguments and options. Each is loaded when it is called, so that the program starts fast.
import { Command } from "commander";
import { version } from "#domain/values/version";
import { batches } from "./program/batches.ts";
import { changing } from "./program/changing.ts";
import { helping } from "./program/helping.ts";
import { many } from "./program/many.ts";
import { running } from "./program/running.ts";
import { runsFor } from "./program/runs.ts";

/** `end` takes the exit code of the command that ran. What the parser refuses is thrown as a `CommanderError`. */
export function makeProgram(end: (code: number) => void): Command {
  const program = new Command("baton")
    .description("Runs DAGs of tasks: you post a batch, Baton calls your services, they report back.")
    .version(version)
    .exitOverride()
    .showHelpAfterError("Try: baton --help")
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true })
    .option("--url <url>", "where Baton is (BATON_URL; else this machine)")
    .option("--token <token>", "what Baton asks for (BATON_TOKEN)")
    .option("--profile <name>", "a Baton of your file of profiles (BATON_PROFILE)")
    .option("--json", "print for programs")
    .addHelpText(
      "after",
      "\nExit codes: 0 success; 1 the batch failed, or something is wrong; 2 it cannot be done; 3 canceled; 130 Ctrl-C.",
    );
  const runs = runsFor(end);
  running(program, runs);
  batches(program, runs);
  changing(program, runs);
  many(program, runs);
  helping(program, runs);
  return program;
}
