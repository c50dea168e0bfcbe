// The page on the command line says every command and every option that there is.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { makeProgram } from "../../../src/cli/program.ts";

const page = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");
const program = makeProgram(() => {});

it("has a page with every command and every option", () => {
  const missing = program.commands
    .filter((command) => command.name() !== "complete-words")
    .flatMap((command) => [
      ...(new RegExp(`\`${command.name()}[ \`]`).test(page) ? [] : [command.name()]),
      ...command.options.flatMap(({ long }) => (long && !page.includes(long) ? [`${command.name()} ${long}`] : [])),
    ]);
  expect(missing).toEqual([]);
  expect(
    program.options.flatMap(({ long }) => (long && long !== "--version" && !page.includes(long) ? [long] : [])),
  ).toEqual([]);
});

it("finds Baton and its token in the environment", () => {
  const before = { ...process.env };
  Object.assign(process.env, { BATON_URL: "https://baton.example.com", BATON_TOKEN: "t" });
  expect(makeProgram(() => {}).opts()).toMatchObject({ url: "https://baton.example.com", token: "t" });
  process.env = before;
});
