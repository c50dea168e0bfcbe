// Holds the house rules that a reader should not have to check: arrows between rooms, sizes, opening comments, test
// habits, fresh generated files. Each rule is also shown a planted violation, so that none can go blind unnoticed.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { generated } from "../scripts/docs.ts";
import { exportFaults } from "./support/exports.ts";
import * as tidy from "./support/tidy.ts";
import { wordFaults } from "./support/words.ts";

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
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(["src/config/settings.ts", "package.json"]));
  });
  it("keeps the arrows between rooms", () => expect(tidy.importFaults(files)).toEqual([]));
  it("has no circle of imports", () => expect(tidy.circleFaults(files)).toEqual([]));
  it("has no folder of more than twelve files", () => expect(tidy.roomFaults(files)).toEqual([]));
  it("has no file over 300 lines", () => expect(tidy.sizeFaults(files)).toEqual([]));
  it("opens each file with what it owns", () => expect(tidy.openingFaults(files)).toEqual([]));
  it("leaves no test out and waits on no time", () => expect(tidy.testFaults(files)).toEqual([]));
  it("names in each log line the one task or batch that it concerns", () => {
    expect(files.flatMap(({ path, text }) => tidy.logCalls(path, text)).length).toBeGreaterThan(60);
    expect(tidy.logFaults(files)).toEqual([]);
  });
  it("exports no value that no other file takes", () => expect(exportFaults(files)).toEqual([]));
  it("says none of the words that the glossary has replaced", () => expect(wordFaults(files)).toEqual([]));
  it("gives every random test the one seed", () => expect(tidy.seedFaults(files)).toEqual([]));
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
    ["src/store/turn/load.ts", 'import postgres from "postgres";'],
    ["src/bus/client.ts", 'import { connect } from "@nats-io/transport-node";'],
    ["src/actor/turn/turn.ts", 'import { load } from "#store/turn/load";'],
    ["src/timers/due/due.ts", 'import type { LocalCommand } from "../../domain/turn/items.ts";'],
    ["src/domain/turn/step.ts", 'import { transition } from "xstate";'],
    ["src/domain/turn/step.ts", 'import { taskMachine } from "#machines/task";'],
    ["src/domain/commands/batch-commands.ts", 'import { limits } from "#limits";'],
    ["src/webhook/send.ts", 'import { Agent } from "undici";'],
    ["src/http/routes/task.ts", 'import { loadConfig } from "../../config/settings.ts";'],
    ["src/http/server.ts", 'import Fastify from "fastify";'],
    ["src/roles/worker.ts", 'import { turn } from "#actor/turn/turn";'],
    ["src/main.ts", 'import { worker } from "#roles/worker";'],
    ["src/config/settings.ts", 'import * as as from "./parse.ts";'],
    ["test/unit/x.test.ts", 'import { anything } from "#actor/turn/turn";'],
  ])("let %s say %s", (path, line) => expect(faults(path, line)).toEqual([]));

  it.each([
    ["machines/task.ts", 'import { Effect } from "effect";'],
    ["machines/task.ts", 'import { randomUUID } from "node:crypto";'],
    ["machines/task.ts", 'import { x } from "../src/domain/task.ts";'],
    ["src/domain/task.ts", 'import { readFile } from "node:fs/promises";'],
    ["src/domain/task.ts", 'import { limits } from "#config";'],
    ["src/domain/turn/outbox.ts", 'import type { Sql } from "#store/pg/pool";'],
    ["src/domain/propagation/rules.ts", 'import { mailbox } from "#actor/mailbox";'],
    ["src/domain/propagation/queue.ts", 'import { readFile } from "node:fs/promises";'],
    ["src/timers/due/due.ts", 'import { Mailbox } from "#actor/mailbox";'],
    ["src/store/turn/load.ts", 'import { subjects } from "#bus/subjects";'],
    ["src/bus/client.ts", 'import postgres from "postgres";'],
    ["src/actor/turn/turn.ts", 'import { list } from "#store/read/tasks";'],
    ["src/actor/worker.ts", 'export { send } from "../webhook/send.ts";'],
    ["src/timers/due/due.ts", 'import { commit } from "#store/turn/write";'],
    ["src/flow/claim-trigger.ts", 'import { Mailbox } from "#actor/mailbox";'],
    ["src/timers/due/due.ts", 'import { turn } from "#actor/turn/turn";'],
    ["src/timers/due/due.ts", 'import { request } from "undici";'],
    ["src/http/server.ts", 'const m = await import("#actor/turn/turn");'],
    ["src/http/server.ts", 'import "../store/turn/write.ts";'],
    ["src/http/server.ts", 'import { boot } from "../../scripts/boot.mjs";'],
    ["src/http/server.ts", 'import { due } from "#store/reader";'],
    ["src/sdk/client.ts", 'import { Task } from "#domain/task";'],
    ["src/cellar/wine.ts", 'import "effect";'],
  ])("forbid %s to say %s", (path, line) => expect(faults(path, "// x", line)).toHaveLength(1));

  it("are read from statements over several lines and from re-exports of everything", () => {
    const text =
      'import a, {\n  b,\n  type C,\n} from "x";\nexport * from "y";\nimport * as z from \'z\';\nimport type D from "d";';
    expect(tidy.importsOf(text)).toEqual(["x", "y", "z", "d"]);
    expect(tidy.importsOf('export const a = "b";\nexport function f() {}\nconst c = { from: "d" };')).toEqual([]);
  });
});

describe("the checks see", () => {
  it("a circle of imports, of any length, through types too", () => {
    const to = (path: string, ...lines: string[]) => file(path, lines.join("\n"));
    const line = [
      to("src/store/a.ts", 'import { b } from "#store/b";', 'import { c } from "./c.ts";'),
      to("src/store/b.ts", 'import { c } from "#store/c";', 'import "effect";'),
    ];
    expect(tidy.circleFaults([...line, to("src/store/c.ts")])).toEqual([]);
    const back = to("src/store/c.ts", 'import type { A } from "../store/a.ts";');
    expect(tidy.circleFaults([...line, back])).toEqual(["store/a imports store/b imports store/c imports store/a"]);
  });

  it("a folder that is a flat drawer", () => {
    const folder = (n: number) => Array.from({ length: n }, (_, i) => file(`src/bus/${i}.ts`));
    expect(tidy.roomFaults([...folder(12), file("src/bus/events/x.ts")])).toEqual([]);
    expect(tidy.roomFaults(folder(13))).toEqual(["src/bus: 13 files, at most 12"]);
  });

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

  it("a log line without the ids of what it concerns", () => {
    const faults = (line: string) => tidy.logFaults([file("src/webhook/starter.ts", line)]);
    expect(faults('log.warn({ task }, "a start call failed")')).toHaveLength(1);
    expect(faults('parts.log.error(\n  { err, batch },\n  "a delivery could not be sent",\n)')).toHaveLength(1);
    expect(faults('log.info("a portion is done")')).toHaveLength(1);
    const good = ['log.warn({ task, batch, kind: claimed.kind }, "a start call failed")', 'log.info("serving")'];
    for (const line of [...good, 'log.error({ ...idsOf(item) }, "a command failed")']) expect(faults(line)).toEqual([]);
  });

  it("an export that no other file takes", () => {
    const of = file("src/domain/a.ts", "export const a = 1;\nexport function b() {}\nexport type C = 1;\nconst d = a;");
    expect(exportFaults([of])).toHaveLength(2);
    const takers = ['import { type C, a as z } from "#domain/a";', 'import { b } from "../../src/domain/a.ts";'];
    const taking = (...lines: string[]) => exportFaults([of, file("test/unit/a.test.ts", lines.join("\n"))]);
    expect(taking(takers[0] as string)).toEqual(["src/domain/a.ts: no other file takes b"]);
    expect(taking(...takers)).toEqual([]);
    expect(taking('import * as all from "#domain/a";')).toEqual([]);
    expect(taking('const { a, b } = await import("../../src/domain/a.ts");')).toEqual([]);
    expect(taking('import { a, b } from "#domain/b";')).toHaveLength(2);
  });

  it("a retired word, in names, comments, test titles and docs", () => {
    const bad = [
      "const openDoor = 1;",
      "// rings the bell",
      "readonly hasRoom: boolean;",
      "/** Parked by us. */",
      "the LANES_MAX",
    ];
    const faults = (path: string, text: string) => wordFaults([file(path, text)]);
    for (const text of bad)
      for (const path of ["src/bus/a.ts", "machines/a.ts", "test/unit/a.test.ts", "docs/a.md"])
        expect(faults(path, text), text).toHaveLength(1);
    expect(faults("src/a.ts", "x\nonePatient\ny")).toEqual(["src/a.ts:2: says patient: see docs/glossary.md"]);
    const wire = ['publish("baton.door")', "`BATON_BELL`", 'code: "busy",', "readonly holders?: string[];"];
    for (const text of [...wire, "telling, broom, parka, breath"]) expect(faults("src/a.ts", text), text).toEqual([]);
    expect(faults("src/store/read/walk.ts", "max_parallel_workers_per_gather")).toEqual([]);
    expect(faults("src/store/read/dag.ts", "max_parallel_workers_per_gather")).toHaveLength(1);
    expect(faults("scripts/a.mjs", "draft")).toEqual([]);
  });

  it("a random test that draws a seed of its own", () => {
    const bad = ["f!c.assert(property, { numRuns: 9 });", "const n = Ma!th.random() * 9;"].map((line) =>
      line.replace("!", ""),
    );
    for (const text of bad) expect(tidy.seedFaults([file("test/unit/a.test.ts", text)]), text).toHaveLength(1);
    const good = 'import { seed } from "#test/seed";\nf!c.assert(property, { seed, numRuns: 9 });'.replace("!", "");
    expect(tidy.seedFaults([file("test/unit/a.test.ts", good), file("test/support/a.ts", bad.join("\n"))])).toEqual([]);
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
