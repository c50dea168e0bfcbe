// The commands, with their arguments and options. Each is loaded when it is called, so that the program starts fast.
import { Argument, Command, Option } from "commander";
import { version } from "#domain/values/version";
import { candidates, completionScript, shells } from "./completion.ts";
import { tokenDefault, urlDefault } from "./context.ts";
import { programs } from "./programs.ts";

/** `end` takes the exit code of the command that ran. */
export function makeProgram(end: (code: number) => void): Command {
  const program = new Command("baton")
    .description("Runs DAGs of tasks: you post a batch, Baton calls your services, they report back.")
    .version(version)
    .showHelpAfterError("Try: baton --help")
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true })
    .addOption(new Option("--url <url>", "where Baton is").default(urlDefault(), "BATON_URL, or this machine"))
    .addOption(new Option("--token <token>", "what Baton asks for").default(tokenDefault(), "BATON_TOKEN"))
    .option("--json", "print for programs")
    .addHelpText(
      "after",
      "\nExit codes: 0 success; 1 the batch failed, or something is wrong; 2 it cannot be done; 3 canceled; 130 Ctrl-C.",
    );
  /** Runs a command with the options of the program beside its own. */
  const runs =
    (run: (args: readonly string[], options: never) => Promise<number>) =>
    async (...all: unknown[]): Promise<void> => {
      const command = all.at(-1) as Command;
      end(await run(command.processedArgs as string[], command.optsWithGlobals() as never));
    };
  running(program, runs);
  batches(program, runs);
  changing(program, runs);
  helping(program, runs);
  return program;
}

type Runs = (run: (args: readonly string[], options: never) => Promise<number>) => (...all: unknown[]) => Promise<void>;

/** A required argument is there: the parser saw to it. */
const given = (text: string | undefined): string => text ?? "";

function running(program: Command, runs: Runs): void {
  program
    .command("dev")
    .description("start everything on this machine: Postgres, nats-server, an API and two workers")
    .action(runs(() => imported(programs.dev)));
  program
    .command("serve")
    .description("one process of Baton, set by the environment (ROLES, DATABASE_URL, NATS_URL, HOST_URL, …)")
    .action(runs(() => imported(programs.serve)));
  program
    .command("demo")
    .description("run an example against a built-in service, live in the terminal")
    .option("--example <name>", "ci-pipeline, etl-dead-ends, argo-depends, deploy-gate or etl", "ci-pipeline")
    .option("--file <path>", "a pipeline of your own, with {{service}} for the URL of the service")
    .option("--speed <n>", "2 works twice as fast", "1")
    .option("--timeout <seconds>", "give up after so long", "120")
    .option("--plain", "lines instead of a picture")
    .action(runs(async (_, options) => (await import("./commands/demo.ts")).demo(options)));
  program
    .command("fake-service")
    .description("the service of the demo alone: does what the body of each start says")
    .option("--port <port>", "where it listens", "9000")
    .option("--speed <n>", "2 works twice as fast", "1")
    .action(runs(async (_, options) => (await import("./commands/service.ts")).service(options)));
  program
    .command("listen")
    .description("a pretend service: prints each call, checks its signature, and reports back")
    .option("--port <port>", "where it listens", "9000")
    .option("--secret <secrets>", "whsec_… of WEBHOOK_SIGNING_SECRET, comma-separated")
    .option("--fail <share>", "the share of works that fails, 0 to 1", "0")
    .action(runs(async (_, options) => (await import("./commands/listen.ts")).listen(options)));
}

function batches(program: Command, runs: Runs): void {
  program
    .command("submit")
    .description("create a batch from a file")
    .argument("<file>", 'JSON or YAML: what POST /task takes; "-" reads standard input')
    .option("--watch", "show it until it is complete; the exit code is the verdict")
    .option("--dry-run", "check it and show its levels; create nothing")
    .option("--set <name=value...>", "fill in {{name}}")
    .option("--key <key>", "an Idempotency-Key of yours: submitted again under it, the batch is created once")
    .action(runs(async ([file], options) => (await import("./commands/watch.ts")).submit(given(file), options)));
  program
    .command("watch")
    .description("show a batch until it is complete; the exit code is the verdict")
    .argument("<batch>", "its id, or the beginning of it")
    .action(runs(async ([id], options) => (await import("./commands/watch.ts")).watch(given(id), options)));
  program
    .command("get")
    .description("show a task or a batch")
    .argument("<id>", "its id, or the beginning of it")
    .action(runs(async ([id], options) => (await import("./commands/inspect.ts")).get(given(id), options)));
  program
    .command("why")
    .description("say why a task does not run now")
    .argument("<task>", "its id, or the beginning of it")
    .action(runs(async ([id], options) => (await import("./commands/inspect.ts")).why(given(id), options)));
  program
    .command("list")
    .description("list batches or tasks, newest first")
    .addArgument(new Argument("[what]").choices(["batches", "tasks"]).default("batches"))
    .option("--status <states>", "in one of these states, comma-separated")
    .option("--kind <text>", "of a kind that contains this")
    .option("--scope <scope>", "batches of this scope")
    .option("--batch <id>", "tasks of this batch")
    .option("--limit <n>", "how many at most", "20")
    .action(runs(async ([what], options) => (await import("./commands/inspect.ts")).list(what as "tasks", options)));
  program
    .command("events")
    .description("the transitions of a task; with --follow those of a task, a batch or all, as they happen")
    .argument("[id]", "a task or a batch")
    .option("--follow", "go on until Ctrl-C")
    .action(runs(async ([id], options) => (await import("./commands/inspect.ts")).events(id, options)));
}

const verbs = {
  cancel: "cancel a task, or what is unfinished of a batch",
  pause: "pause a task, or what of a batch has not started",
  resume: "resume a task or a batch",
} as const;

function changing(program: Command, runs: Runs): void {
  for (const verb of Object.keys(verbs) as (keyof typeof verbs)[])
    program
      .command(verb)
      .description(verbs[verb])
      .argument("<id>", "a task or a batch")
      .option("--reason <text>", "why; it stands in the events")
      .action(runs(async ([id], options) => (await import("./commands/change.ts")).change(verb, given(id), options)));
  program
    .command("rerun")
    .description("run again what of a complete batch did not succeed, as a new batch")
    .argument("<batch>")
    .option("--all", "everything")
    .option("--dependents", "also what depends on it")
    .option("--from <task...>", "these tasks and what depends on them")
    .action(runs(async ([id], options) => (await import("./commands/change.ts")).rerun(given(id), options)));
  program
    .command("override")
    .description("say how an unfinished task ends, because you know better")
    .argument("<task>")
    .addOption(
      new Option("--status <status>", "how it ends").choices(["Success", "Failure", "Skipped"]).makeOptionMandatory(),
    )
    .requiredOption("--reason <text>", "why; it stands in the events")
    .option("--result <json>", "its result")
    .action(runs(async ([id], options) => (await import("./commands/change.ts")).override(given(id), options)));
  program
    .command("replay")
    .description("send a notification again, or all that were exhausted since a time")
    .argument("[delivery]")
    .option("--since <time>", "RFC 3339: 2026-01-31T00:00:00Z")
    .action(runs(async ([id], options) => (await import("./commands/change.ts")).replay(id, options)));
  program
    .command("complete")
    .description("report Success to a handle, as a service does")
    .argument("<handle>", "the URL that a start call carries")
    .option("--result <json>", "its result")
    .action(runs(async ([handle], options) => (await import("./commands/change.ts")).complete(given(handle), options)));
  program
    .command("fail")
    .description("report Failure to a handle, as a service does")
    .argument("<handle>", "the URL that a start call carries")
    .option("--reason <text>", "why")
    .action(runs(async ([handle], options) => (await import("./commands/change.ts")).fail(given(handle), options)));
}

function helping(program: Command, runs: Runs): void {
  program
    .command("doctor")
    .description("look at what keeps tasks from running, and say how to mend it")
    .action(runs(async (_, options) => (await import("./commands/doctor.ts")).doctor(options)));
  program
    .command("completion")
    .description("print what makes TAB complete commands: source <(baton completion bash)")
    .addArgument(new Argument("<shell>").choices(shells))
    .action(
      runs(async ([shell]) => {
        process.stdout.write(completionScript(shell as (typeof shells)[number]));
        return 0;
      }),
    );
  program
    .command("complete-words", { hidden: true })
    .argument("[words...]")
    .action(
      runs(async ([words]) => {
        for (const line of candidates(program, words as unknown as string[])) process.stdout.write(`${line}\n`);
        return 0;
      }),
    );
}

/** They end the process by themselves. */
async function imported(url: URL): Promise<number> {
  await import(url.href);
  return Number(process.exitCode ?? 0);
}
