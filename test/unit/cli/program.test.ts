// The page on the command line says every command and every option that there is.
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { expect, it } from "vitest";
import { makeProgram } from "../../../src/cli/program.ts";

const page = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");
const program = makeProgram(() => {});

/** Every command, with those within it: "bulk cancel". */
const all = (of: Command, before = ""): [string, Command][] =>
  of.commands
    .filter((command) => command.name() !== "complete-words")
    .flatMap((command) => [[`${before}${command.name()}`, command], ...all(command, `${before}${command.name()} `)]);

it("has a page with every command and every option for all, and a reference with the rest", () => {
  const missing = all(program).flatMap(([name]) => (new RegExp(`\`${name}[ \`]`).test(page) ? [] : [name]));
  expect(missing).toEqual([]);
  expect(
    program.options.flatMap(({ long }) => (long && long !== "--version" && !page.includes(long) ? [long] : [])),
  ).toEqual([]);
});
