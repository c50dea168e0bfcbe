// `baton mcp` as the process that a client starts: stdout is the protocol's alone, and it ends with its pipe.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../../../..");

it("writes nothing but answers to stdout, and ends when its client goes", async () => {
  const child = spawn(process.execPath, ["src/cli/main.ts", "--url", "http://127.0.0.1:9", "mcp"], { cwd: root });
  let [out, log] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  const clientInfo = { name: "t", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })}\n`);
  await once(child.stdout, "data");
  child.stdin.end();
  const [code] = await once(child, "close");
  expect(code).toBe(0);
  expect(
    out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).id),
  ).toEqual([1]);
  expect(log).toContain("reads only (--write lets it write)");
});

it("asks for a token before it serves over HTTP, and says how to make one", async () => {
  const env = { PATH: process.env.PATH ?? "", BATON_MCP_TOKEN: "short" };
  const child = spawn(process.execPath, ["src/cli/main.ts", "mcp", "--http"], { cwd: root, env });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  const [code] = await once(child, "close");
  expect(code).toBe(2);
  expect(log).toMatch(/BATON_MCP_TOKEN has 5\nTry: BATON_MCP_TOKEN=/);
});
