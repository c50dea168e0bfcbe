// What TAB offers, and that what was typed is never run.
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { candidates, completionScript, shells } from "../../../src/cli/completion.ts";
import { makeProgram } from "../../../src/cli/program.ts";

const words = (...typed: string[]) =>
  candidates(
    makeProgram(() => {}),
    typed,
  ).map((line) => line.split("\t")[0]);

it("offers commands, options of the command, and choices", () => {
  expect(words("")).toEqual(expect.arrayContaining(["dev", "submit", "why"]));
  expect(words("")).not.toContain("complete-words");
  expect(words("wa")).toEqual(["watch"]);
  expect(words("submit", "--")).toEqual(expect.arrayContaining(["--watch", "--set", "--json"]));
  expect(words("completion", "")).toEqual([...shells]);
  expect(words("list", "ta")).toEqual(["tasks"]);
  expect(words("bulk", "")).toEqual(expect.arrayContaining(["cancel", "list", "stop"]));
  expect(words("bulk", "cancel", "")).toEqual(["tasks", "batches"]);
  expect(words("bulk", "cancel", "tasks", "--y")).toEqual(["--yes"]);
});

it("has a script for bash that filters, and runs nothing of what was typed", () => {
  const program = `baton() { printf '%s\\t%s\\n' watch 'show a batch' why 'say why'; }
${completionScript("bash")}
COMP_WORDS=(baton "$1"); COMP_CWORD=1; _baton; echo "\${COMPREPLY[@]}"`;
  const offered = (typed: string) => spawnSync("bash", ["-c", program, "bash", typed], { encoding: "utf8" }).stdout;
  expect(offered("w")).toBe("watch why\n");
  expect(offered("wh")).toBe("why\n");
  expect(offered('$(echo "ran" >&2; echo w)')).toBe("\n");
});

it.each(shells)("has a script for %s", (shell) => {
  expect(completionScript(shell)).toContain("complete-words");
});
