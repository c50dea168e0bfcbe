// The command line: picks the command by its name. Exit code 2 and the usage when it is called wrongly.
import { Mistake } from "./arguments.ts";
import { demo, usage as demoUsage } from "./commands/demo.ts";
import { service, usage as serviceUsage } from "./commands/service.ts";

const commands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  demo,
  "fake-service": service,
};
const help = `usage: node src/cli/main.ts <command>\n\n  ${demoUsage}\n  ${serviceUsage}\n`;

const [name = "", ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
try {
  if (!command) {
    const asked = name === "--help" || name === "help";
    (asked ? process.stdout : process.stderr).write(help);
    process.exitCode = asked ? 0 : 2;
  } else {
    process.exitCode = await command(args);
  }
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const mistaken =
    error instanceof Mistake || code?.startsWith("ERR_PARSE_ARGS") || code === "ENOENT" || code === "EADDRINUSE";
  process.stderr.write(mistaken ? `${message}\n\n${help}` : `${(error as Error).stack ?? message}\n`);
  process.exitCode = mistaken ? 2 : 1;
}
