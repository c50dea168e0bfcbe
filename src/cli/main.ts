// The command line. Exit code 2 where it is called wrongly, where Baton refuses, and where none answers, with what to try next.
import { CommanderError } from "commander";
import { exits } from "./context.ts";
import { explained } from "./explain.ts";
import { makeProgram } from "./program.ts";

const program = makeProgram((code) => {
  process.exitCode = code;
});
// A reader that has seen enough (`| head`) is no fault.
process.stdout.on("error", () => process.exit());

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exits.success : exits.cannot;
  else {
    const text = explained(error);
    process.stderr.write(`${text ?? (error as Error).stack ?? String(error)}\n`);
    process.exitCode = text === undefined ? exits.failure : exits.cannot;
  }
}
