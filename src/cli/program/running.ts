// The commands that run Baton, or a service for it to call.
import type { Command } from "commander";
import { programs } from "../programs.ts";
import type { Runs } from "./runs.ts";

export function running(program: Command, runs: Runs): void {
  program
    .command("dev")
    .description("start everything on this machine: Postgres, nats-server, an API and two workers")
    .action(runs.alone(() => imported(programs.dev)));
  program
    .command("serve")
    .description("one process of Baton, set by the environment (ROLES, DATABASE_URL, NATS_URL, HOST_URL, …)")
    .action(runs.alone(() => imported(programs.serve)));
  program
    .command("demo")
    .description("run an example against a built-in service, live in the terminal")
    .option("--example <name>", "ci-pipeline, etl-dead-ends, argo-depends, deploy-gate or etl", "ci-pipeline")
    .option("--file <path>", "a pipeline of your own, with {{service}} for the URL of the service")
    .option("--speed <n>", "2 works twice as fast", "1")
    .option("--timeout <seconds>", "give up after so long", "120")
    .option("--plain", "lines instead of a picture")
    .action(runs(async (_, options) => (await import("../commands/demo.ts")).demo(options)));
  program
    .command("fake-service")
    .description("the service of the demo alone: does what the body of each start says")
    .option("--port <port>", "where it listens", "9000")
    .option("--speed <n>", "2 works twice as fast", "1")
    .action(runs(async (_, options) => (await import("../commands/services/service.ts")).service(options)));
  program
    .command("listen")
    .description("a pretend service: prints each call, checks its signature, and reports back")
    .option("--port <port>", "where it listens", "9000")
    .option("--secret <secrets>", "whsec_… of WEBHOOK_SIGNING_SECRET, comma-separated")
    .option("--fail <share>", "the share of works that fails, 0 to 1", "0")
    .action(runs(async (_, options) => (await import("../commands/services/listen.ts")).listen(options)));
}

/** They end the process by themselves. */
async function imported(url: URL): Promise<number> {
  await import(url.href);
  return Number(process.exitCode ?? 0);
}
