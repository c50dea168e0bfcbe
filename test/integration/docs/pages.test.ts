// Every block of code of every page is run: batches are planned by a real Baton, shell lines are run against one, by page and in order.
// Programs in other languages have tests of their own, which `elsewhere` names; a block that is no program says why.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { bring, bringLimitMs } from "#test/programs";
import { type Snippet, snippetsOf } from "#test/snippets";
import { until, within } from "#test/until";

const root = join(import.meta.dirname, "../../..");
/** Pages whose blocks another test runs. */
const elsewhere: Readonly<Record<string, string>> = {
  "docs/nats.md": "test/integration/docs/nats.test.ts",
  "docs/write-a-service.md": "test/integration/docs/service.test.ts",
  "docs/sdk.md": "test/integration/docs/service.test.ts",
  "docs/cli.md": "test/integration/docs/cli.test.ts",
  "docs/mcp.md": "test/integration/docs/cli.test.ts",
  "docs/coming-from.md": "test/integration/docs/coming-from.test.ts",
};
const generated = /^docs\/(reference\/|lifecycle)/;
const pages = ["README.md", ...listed("docs")]
  .filter((path) => path.endsWith(".md") && !(path in elsewhere) && !generated.test(path))
  .map((path) => ({ path, snippets: snippetsOf(readFileSync(join(root, path), "utf8")) }))
  .filter(({ snippets }) => snippets.length > 0);
const tested = ({ how }: Snippet) => !how.startsWith("no-test: ");

function listed(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? listed(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
  );
}

let cluster: Cluster;
let bin: string;
/** Gates that no page names, so that each must leave them alone. */
const others: string[] = [];
beforeAll(() => bring("curl"), bringLimitMs);
beforeAll(async () => {
  cluster = await startCluster({ together: true });
  // `npx baton` and `npm run -s baton --` are this checkout.
  bin = join(mkdtempSync(join(inject("scratchDir"), "pages-")), "bin");
  mkdirSync(bin);
  const program = `exec "${process.execPath}" "${join(root, "src/cli/main.ts")}"`;
  for (const [name, text] of [
    ["baton", `${program} "$@"`],
    ["npm", `[ "$1 $2 $3 $4" = "run -s baton --" ] || exit 9\nshift 4\n${program} "$@"`],
    ["npx", `[ "$1" = baton ] || exit 9\nshift\n${program} "$@"`],
  ] as const) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
});

it.each(Object.entries(elsewhere))("%s is run by %s", (page, test) => {
  expect([existsSync(join(root, page)), existsSync(join(root, test))]).toEqual([true, true]);
});

it.each(pages)("$path says of each block how it is run", ({ snippets }) => {
  const known = new Set(["json", "sh", "bash", "yaml", "text", "mermaid"]);
  for (const one of snippets.filter(tested)) {
    expect(known, `line ${one.line}: ${one.language}`).toContain(one.language);
    if (one.language === "yaml") expect(one.text, `line ${one.line} names its file`).toMatch(/^# [\w.-]+\n/);
  }
});

describe.each(
  pages.flatMap(({ path, snippets }) =>
    snippets.filter((one) => one.language === "json" && tested(one)).map((one) => ({ at: `${path}:${one.line}`, one })),
  ),
)("the batch at $at", ({ one }) => {
  it("is one that Baton takes", async () => {
    const sent = JSON.parse(one.text);
    const tasks = Array.isArray(sent) ? sent : (sent.tasks ?? [sent]);
    const ids = new Set(tasks.map(({ id }: { id: string }) => id));
    const parents = tasks.flatMap((task: { dependencies?: { id: string }[] }) => task.dependencies ?? []);
    // A task that is shown alone depends on others that the page speaks of.
    const others = parents.filter(({ id }: { id: string }) => !ids.has(id) && !Array.isArray(sent) && !sent.tasks);
    const body = sent.tasks
      ? sent
      : [...tasks, ...others.map(({ id }: { id: string }) => ({ id, name: id, kind: "k" }))];
    const { status, body: plan } = await cluster.call("POST", "/task?dry_run=1", body);
    expect(status, JSON.stringify(plan)).toBe(200);
    expect(plan.warnings).toEqual([]);
  });
});

describe.each(
  pages
    .map(({ path, snippets }) => ({
      path,
      shell: snippets.filter((one) => ["sh", "bash"].includes(one.language) && tested(one)),
      files: snippets.filter((one) => one.language === "yaml" && tested(one)),
    }))
    .filter(({ shell }) => shell.length > 0),
)("the lines of $path", ({ path, shell, files }) => {
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const { pid } of children) if (pid) kill(pid);
  });

  it("run", { timeout: 120_000 }, async () => {
    const port = await freePort();
    const here = (text: string) =>
      text
        .replaceAll(/(http:\/\/)?(127\.0\.0\.1|localhost):8085/g, cluster.url)
        .replaceAll("127.0.0.1:9000", `127.0.0.1:${port}`)
        .replaceAll("--port 9000", `--port ${port}`);
    const folder = mkdtempSync(join(inject("scratchDir"), "page-"));
    for (const { text } of files) writeFileSync(join(folder, /^# ([\w.-]+)/.exec(text)?.[1] ?? ""), here(text));
    others.push((await known()).TASK);
    const env = {
      ...{ PATH: [bin, process.env.PATH].join(delimiter), NO_COLOR: "1", BATON_URL: cluster.url, BATON: cluster.url },
      ...(await known()),
    };
    const begin = (text: string) => {
      const child = spawn("sh", ["-e", "-c", here(text)], { cwd: folder, env, detached: true });
      children.push(child);
      const said = { text: "" };
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (more) => (said.text += more));
      return { child, said };
    };
    for (const one of shell) {
      const { child, said } = begin(one.text);
      if (one.how === "background") {
        await until(() => said.text !== "", 15_000, `${path}:${one.line} says something`);
        continue;
      }
      const code = await within(() => new Promise((resolve) => child.once("close", resolve)), 60_000);
      expect({ code, said: said.text }, `${path}:${one.line}`).toEqual({ code: 0, said: expect.any(String) });
      expect(said.text, `${path}:${one.line}`).not.toMatch(notUnderstood);
    }
    for (const gate of others) expect((await cluster.call("GET", `/task/${gate}`)).body.status, path).toBe("Running");
  });
});

it("has calls in its tables that Baton understands", { timeout: 60_000 }, async () => {
  const page = readFileSync(join(root, "docs/look-and-mend.md"), "utf8");
  const lines = [...page.matchAll(/`(curl [^`…<]+)`/g)].map(([, line = ""]) =>
    line.replaceAll("127.0.0.1:8085", cluster.url),
  );
  expect(lines.length).toBeGreaterThan(8);
  const env = { PATH: process.env.PATH ?? "", ...(await known()) };
  for (const line of lines) {
    const { stdout } = await promisify(execFile)("sh", ["-e", "-c", line], { env });
    expect(stdout, line).not.toMatch(notUnderstood);
  }
});

/** What a call is answered that is wrong whatever the state of things is. */
const notUnderstood = /"code": ?"(validation_failed|unknown_\w+|malformed_json|invalid_id|method_not_allowed)"/;

/** Variables that pages use: an open batch with a task `page-1`, a task that waits for a word, an operation. */
async function known() {
  const wait = { on_start: { kind: "Wait", params: {} } };
  const one = { id: "page-1", name: "Load page 1", kind: "etl", ...wait };
  const made = await cluster.call("POST", "/task", { open: true, tasks: [one] });
  const { body } = await cluster.call("POST", "/bulk", {
    action: "cancel",
    tasks: { kind: "nothing" },
    reason: "test",
  });
  const [BATCH, TASK, BULK] = [String(made.headers.get("x-batch-id")), made.body[0].id, body.bulk_id];
  return { BATCH, TASK, BULK, batch: BATCH, task: TASK, TOKEN: "none" };
}

function kill(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {}
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
