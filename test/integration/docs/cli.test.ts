// Every command of docs/cli.md and docs/mcp.md, in the order of the pages, against a real Baton: with the files that the pages show, and
// with free ports for theirs.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { until } from "#test/until";
import { handler } from "../../../src/sdk/service/handler.ts";
import { stage } from "../cli/stage.ts";

const root = join(import.meta.dirname, "../../..");
const page = ["cli", "mcp"].map((name) => readFileSync(join(root, `docs/${name}.md`), "utf8")).join("\n");
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(([, text = ""]) => text);
const lines = blocks("sh").flatMap((text) =>
  text.split("\n").flatMap((line) => line.replace(/\s+#.*$/, "").trim() || []),
);

let cluster: Cluster;
const { baton, fileOf } = stage(() => cluster.url);
const children: ChildProcess[] = [];
const servers: Server[] = [];
const ports = new Map<string, number>();
const files = new Map<string, string>();

beforeAll(async () => {
  cluster = await startCluster({ together: true });
  for (const port of ["9000", "examples", "8000", "9085", "8787"]) ports.set(port, await freePort());
  for (const text of blocks("yaml")) {
    const name = /^# (\S+\.yaml): /.exec(text)?.[1];
    if (name) files.set(name, fileOf(name, text));
  }
});
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  for (const server of servers) server.close().closeAllConnections();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a command that goes on, and waits until it says so. */
async function goingOn(args: readonly string[], says: RegExp, env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, ["src/cli/main.ts", ...args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? "", BATON_URL: cluster.url, ...env },
  });
  children.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  await until(() => says.test(said), 20_000, says.source);
}

/** With ports of this test, and files where they are. */
const here = (line: string): string[] =>
  line
    .replace(/\b(9000|8000|9085|8787)\b/g, (port) => String(ports.get(port)))
    .replace(/examples\/\S+/, (path) => join(root, path))
    .replace(/(?<= )[\w-]+\.yaml/, (name) => files.get(name) ?? name)
    .match(/"[^"]*"|\S+/g)
    ?.map((word) => word.replace(/^"|"$/g, "")) ?? [];

it("shows commands that do what the page says", async () => {
  expect(lines.length).toBeGreaterThan(11);
  const secret = /whsec_\S+/.exec(page)?.[0] ?? "";
  for (const line of lines) {
    const [, ...args] = here(line.replace(/^.*?(?=baton )/, ""));
    if (line === "baton dev") continue; // the cluster of this test stands for it
    if (line.startsWith("baton listen")) await goingOn(args, /listens at/);
    else if (line === "baton fake-service") {
      // It listens where the other one does in this test.
      await goingOn([...args, "--port", String(ports.get("examples"))], /listens on/);
    } else if (line.includes("baton mcp --http")) {
      await goingOn([...args, "--port", String(ports.get("8787"))], /at http:\S+\/mcp;/, {
        BATON_MCP_TOKEN: "x".repeat(32),
      });
    } else if (line.includes("node service.mjs")) {
      const service = handler({ secrets: secret, baton: `http://127.0.0.1:${ports.get("9085")}` }, () => {});
      servers.push(createHttpServer(service.node).listen(ports.get("8000"), "127.0.0.1"));
    } else await runs(line, args);
  }
}, 120_000);

async function runs(line: string, args: string[]) {
  const more: Record<string, string[]> = {
    "check-receiver": ["--port", String(ports.get("9085")), "--wait", "2"],
    submit: line.includes("examples/") ? ["--set", `service=http://127.0.0.1:${ports.get("examples")}`] : [],
  };
  const ran = await baton(...args, ...(more[args[0] ?? ""] ?? []));
  const verdict = line.includes("examples/ci-pipeline") ? 1 : 0;
  expect({ line, code: ran.code }, `${ran.out}${ran.error}`).toEqual({ line, code: verdict });
}
