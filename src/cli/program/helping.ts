// The commands that look after Baton, and after the command line itself.
import { Argument, type Command } from "commander";
import { candidates, completionScript, shells } from "../completion.ts";
import { given, type Runs } from "./runs.ts";

export function helping(program: Command, runs: Runs): void {
  program
    .command("doctor")
    .description("look at what keeps tasks from running, and say how to mend it")
    .action(runs(async (_, options) => (await import("../commands/doctor.ts")).doctor(options)));
  program
    .command("check-receiver")
    .description(
      "make good and bad calls to your service, and say what it does with each; the exit code is the verdict",
    )
    .argument("<url>", "the URL of a start action; the service is to be a test instance, for it will work")
    .option("--secret <secret>", "whsec_… that the service verifies with (WEBHOOK_SIGNING_SECRET)")
    .option("--unsigned", "the service believes calls as they come")
    .option("--body <json>", "the body of the start action", "{}")
    .option("--cancel-url <url>", "where on_cancel actions go, if elsewhere")
    .option("--handles <url>", "where the service believes Baton is; here if left out")
    .option("--host <address>", "where reports are taken", "127.0.0.1")
    .option("--port <port>", "where reports are taken", "9085")
    .option("--wait <seconds>", "how long a report is waited for", "10")
    .action(
      runs.alone(async ([url], options) =>
        (await import("../commands/check-receiver.ts")).checkReceiver(given(url), options),
      ),
    );
  program
    .command("mcp")
    .description(
      "Baton as tools for a model (Model Context Protocol), over stdio; it only reads unless --write is given",
    )
    .option("--write", "also create, run again, cancel, pause and resume")
    .option("--http", "over HTTP at /mcp, with the token of BATON_MCP_TOKEN")
    .option("--host <address>", "where it listens, with --http", "127.0.0.1")
    .option("--port <port>", "where it listens, with --http", "8787")
    .option("--allow-host <name...>", "names beside those of this machine by which clients ask, with --http")
    .action(runs(async (_, options) => (await import("../commands/mcp.ts")).mcp(options)));
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
