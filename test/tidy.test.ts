// Holds the house rules that a reader should not have to check: arrows between rooms, sizes, opening comments, test
// habits, fresh generated files. Each rule is also shown a planted violation, so that none can go blind unnoticed.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { generated } from "../scripts/docs.ts";
import * as tidy from "./support/tidy.ts";

const root = new URL("../", import.meta.url);
const notOurs = new Set(["node_modules", ".git", ".baton", "dist", "coverage"]);
const isText = /(\.([cm]?[jt]sx?|json|md|sql|ya?ml|conf|css|html|sh)|Dockerfile|\.ci\/run|\.gitignore|\.dockerignore)$/;

function read(folder: string): tidy.File[] {
  return readdirSync(new URL(folder, root), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (notOurs.has(entry.name)) return [];
    if (entry.isDirectory()) return read(`${path}/`);
    return entry.isFile() && isText.test(path) ? [{ path, text: readFileSync(new URL(path, root), "utf8") }] : [];
  });
}

const files = read("");
const file = (path: string, text = ""): tidy.File => ({ path, text });

describe("the repository", () => {
  it("was found", () => {
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(["src/config.ts", "package.json"]));
  });
  it("keeps the arrows between rooms", () => expect(tidy.importFaults(files)).toEqual([]));
  it("has no file over 300 lines", () => expect(tidy.sizeFaults(files)).toEqual([]));
  it("opens each file with what it owns", () => expect(tidy.openingFaults(files)).toEqual([]));
  it("leaves no test out and waits on no time", () => expect(tidy.testFaults(files)).toEqual([]));
  it("has unit tests beside what they test", () => expect(tidy.mirrorFaults(files)).toEqual([]));
  it("names no path of one machine", () => expect(tidy.pathFaults(files)).toEqual([]));
  it.each(generated)("has a fresh $path (else: npm run docs)", ({ path, render }) => {
    expect(readFileSync(new URL(path, root), "utf8")).toBe(render());
  });
});

describe("the arrows", () => {
  const faults = (path: string, ...lines: string[]) => tidy.importFaults([file(path, lines.join("\n"))]);

  it.each([
    ["machines/task.ts", 'import { setup } from "xstate";'],
    ["machines/task.ts", 'import { states } from "./states.ts";'],
    ["src/domain/task.ts", 'import type { TaskState } from "#machines/task";'],
    ["src/domain/task.ts", 'import { type TaskState, type Event } from "#machines/task";'],
    ["src/domain/task.ts", 'import { createHash } from "node:crypto";'],
    ["src/store/load.ts", 'import postgres from "postgres";'],
    ["src/bus/client.ts", 'import { connect } from "@nats-io/transport-node";'],
    ["src/actor/turn.ts", 'import { load } from "#store/load";'],
    ["src/timers/due.ts", 'import type { Mailbox } from "../actor/mailbox.ts";'],
    ["src/webhook/send.ts", 'import { Agent } from "undici";'],
    ["src/http/routes/task.ts", 'import { config } from "../../config.ts";'],
    ["src/http/server.ts", 'import swagger from "@fastify/swagger";'],
    ["src/roles/worker.ts", 'import { turn } from "#actor/turn";'],
    ["src/main.ts", 'import { worker } from "#roles/worker";'],
    ["src/config.ts", 'import * as as from "./config-parse.ts";'],
    ["test/unit/x.test.ts", 'import { anything } from "#actor/turn";'],
  ])("let %s say %s", (path, line) => expect(faults(path, line)).toEqual([]));

  it.each([
    ["machines/task.ts", 'import { Effect } from "effect";'],
    ["machines/task.ts", 'import { randomUUID } from "node:crypto";'],
    ["machines/task.ts", 'import { x } from "../src/domain/task.ts";'],
    ["src/domain/task.ts", 'import { machine } from "#machines/task";'],
    ["src/domain/task.ts", 'import { readFile } from "node:fs/promises";'],
    ["src/domain/task.ts", 'import { limits } from "#config";'],
    ["src/store/load.ts", 'import { subjects } from "#bus/subjects";'],
    ["src/bus/client.ts", 'import postgres from "postgres";'],
    ["src/actor/turn.ts", 'import { list } from "#store/list";'],
    ["src/actor/turn.ts", 'export { send } from "../webhook/send.ts";'],
    ["src/timers/due.ts", 'import { commit } from "#store/commit";'],
    ["src/dispatch/bell.ts", 'import { due } from "../timers/due.ts";'],
    ["src/timers/due.ts", 'import { turn } from "#actor/turn";'],
    ["src/timers/due.ts", 'import { request } from "undici";'],
    ["src/http/server.ts", 'const m = await import("#actor/turn");'],
    ["src/http/server.ts", 'import "../store/commit.ts";'],
    ["src/http/server.ts", 'import { boot } from "../../scripts/boot.mjs";'],
    ["src/http/server.ts", 'import { due } from "#store/due-again";'],
    ["src/sdk/client.ts", 'import { Task } from "#domain/task";'],
    ["src/cellar/wine.ts", 'import "effect";'],
  ])("forbid %s to say %s", (path, line) => expect(faults(path, "// x", line)).toHaveLength(1));

  it("are read from statements over several lines and from re-exports of everything", () => {
    const text =
      'import a, {\n  b,\n  type C,\n} from "x";\nexport * from "y";\nimport * as z from \'z\';\nimport type D from "d";';
    expect(tidy.importsOf(text)).toEqual([
      { from: "x", isType: false },
      { from: "y", isType: false },
      { from: "z", isType: false },
      { from: "d", isType: true },
    ]);
    expect(tidy.importsOf('export const a = "b";\nexport function f() {}\nconst c = { from: "d" };')).toEqual([]);
  });
});

describe("the checks see", () => {
  it("a file that is too long", () => {
    expect(
      tidy.sizeFaults([file("src/a.ts", "x\n".repeat(300)), file("src/store/schema.sql", "x\n".repeat(999))]),
    ).toEqual([]);
    expect(tidy.sizeFaults([file("src/a.ts", "x\n".repeat(301)), file("test/b.sql", "x\n".repeat(400))])).toHaveLength(
      2,
    );
  });

  it("an opening comment that is missing or too long", () => {
    const good = [
      "// a\n// b\n",
      "/* a */\n",
      `/**\n${" * a\n".repeat(5)} */\n`,
      "-- a\n",
      "#!/usr/bin/env node\n// a\n",
    ];
    expect(tidy.openingFaults(good.map((text, i) => file(`src/${i}.ts`, `${text}const x = 1;\n`)))).toEqual([]);
    const bad = [
      "",
      "import a from 'a';\n// a\n",
      "\n// a\n",
      "// a\n".repeat(6),
      `/**\n${" * a\n".repeat(6)} */\n`,
      "//\n",
    ];
    expect(tidy.openingFaults(bad.map((text, i) => file(`src/${i}.ts`, text)))).toHaveLength(bad.length);
  });

  it("tests that are left out or wait on time", () => {
    // Put together here, so that this file does not itself contain what it forbids.
    const bad = ["it.!only('x')", "describe.!skip('x')", "test.concurrent.!todo('x')"];
    const slow = ["set!Timeout(f, 1)", "await sl!eep(5)", 'import { x } from "node:timers!/promises";'];
    const plant = (path: string, lines: string[]) =>
      tidy.testFaults([file(path, lines.map((line) => line.replace("!", "")).join("\n"))]);
    expect(plant("test/unit/a.test.ts", bad)).toHaveLength(bad.length);
    expect(plant("test/unit/a.test.ts", slow)).toHaveLength(slow.length);
    expect(plant("test/support/wait.ts", slow)).toEqual([]);
    expect(plant("src/timers/loop.ts", slow)).toEqual([]);
    expect(tidy.testFaults([file("test/a.test.ts", "it('skips', () => { list.only(1); pg_sleep(1) })")])).toEqual([]);
  });

  it("a unit test without what it tests", () => {
    const src = [file("src/http/errors.ts"), file("machines/task.ts"), file("scripts/nats.mjs")];
    const good = [
      "unit/http/errors.test.ts",
      "unit/http/errors.props.test.ts",

      "unit/scripts/nats.test.ts",
    ];
    expect(tidy.mirrorFaults([...src, ...good.map((path) => file(`test/${path}`))])).toEqual([]);
    const bad = ["unit/errors.test.ts", "unit/http/error.test.ts"];
    expect(tidy.mirrorFaults([...src, ...bad.map((path) => file(`test/${path}`))])).toHaveLength(bad.length);
  });

  it("paths of one machine and private registries", () => {
    const bad = ["see /ho!me/ann/baton", '"/wo!rk/x"', "../sha!red/design", "file:!///etc/x"].map((text) =>
      text.replace("!", ""),
    );
    expect(tidy.pathFaults([file("README.md", bad.join("\n"))])).toHaveLength(bad.length);
    expect(tidy.pathFaults([file("README.md", "http://x/work/1 src/home/page.ts /tmp/x /task/{id}")])).toEqual([]);
    const lock = '"resolved": "https://npm.example/a.tgz"\n"resolved": "https://registry.npmjs.org/a.tgz"';
    expect(tidy.pathFaults([file("package-lock.json", lock)])).toHaveLength(1);
  });
});
