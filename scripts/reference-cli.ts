// Writes docs/reference/cli.md from the commands of the command line, with their arguments and options.
import type { Command, Option } from "commander";
import { makeProgram } from "../src/cli/program.ts";

export const cliReferencePath = "docs/reference/cli.md";

export function renderCliReference(): string {
  const program = makeProgram(() => {});
  const lines = [
    "# Commands",
    "",
    "<!-- Generated from src/cli/program by `npm run docs`; do not edit. -->",
    "",
    "What each is for, profiles and exit codes are in [the command line](../cli.md). `baton help <command>` prints the same.",
    "",
    "Options of all commands, before or after the command:",
    "",
    ...optionLines(program.options.filter(({ long }) => long !== "--version")),
    ...commandLines(program, ""),
  ];
  return `${lines.join("\n")}\n`;
}

function commandLines(of: Command, before: string): string[] {
  return of.commands.flatMap((command) => {
    const name = `${before}${command.name()}`;
    if (name === "complete-words") return [];
    if (command.commands.length > 0) return commandLines(command, `${name} `);
    const args = command.registeredArguments.map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`));
    const says = command.registeredArguments.flatMap((one) => {
      const choices = one.argChoices?.map((choice) => `\`${choice}\``).join(", ");
      const text = [one.description, choices].filter(Boolean).join(": ");
      return text ? [`\`${one.name()}\`: ${text}.`] : [];
    });
    return [
      ...["", `## baton ${name}`, "", "```", ["baton", name, ...args].join(" "), "```", ""],
      `${sentence(command.description())}${says.length > 0 ? ` ${says.join(" ")}` : ""}`,
      ...(command.options.length > 0 ? ["", ...optionLines(command.options)] : []),
    ];
  });
}

function optionLines(options: readonly Option[]): string[] {
  return [
    "| option | meaning | default |",
    "|---|---|---|",
    ...options.map(({ flags, description, defaultValue, argChoices }) => {
      const choices = argChoices ? `: ${argChoices.join(", ")}` : "";
      return `| \`${flags.replace(/\|/g, "\\|")}\` | ${description}${choices} | ${defaultValue === undefined ? "" : `\`${defaultValue}\``} |`;
    }),
  ];
}

const sentence = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}.`;
