// `baton check-receiver` as a process: lines for people, JSON for programs, and an exit code that is the verdict.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { handler } from "../../../../src/sdk/service/handler.ts";

const root = join(import.meta.dirname, "../../../..");
const secret = `whsec_${Buffer.from("a secret of twenty-four b").toString("base64")}`;

async function baton(...args: string[]) {
  const child = spawn(process.execPath, ["src/cli/main.ts", "check-receiver", ...args], { cwd: root });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (out += text));
  const [code] = await once(child, "close");
  return { code, out };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

it("says of each call what became of it, and ends with the verdict", async () => {
  const port = await freePort();
  const service = handler({ secrets: secret, baton: `http://127.0.0.1:${port}` }, () => {});
  const server = createServer(service.node).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/work`;
  const rest = ["--port", String(port), "--wait", "1"];
  const well = await baton(url, "--secret", secret, ...rest);
  expect(well.out).toMatch(/^✔ ok +valid signature +taken: 202 in \d+ ms\n/);
  expect(well.out).toMatch(/\n0 wrong, \d warnings, \d+ ok, \d not seen\n$/);
  expect(well.code).toBe(0);
  const ill = await baton(url, "--secret", "whsec_AAAAAAAAAAAAAAAAAAAAAAAA", "--json", ...rest);
  expect(JSON.parse(ill.out)).toMatchObject([{ what: "valid signature", state: "wrong" }]);
  expect(ill.code).toBe(1);
  server.close();
});

it.each([
  [["http://127.0.0.1:9/work"], /calls are signed[\s\S]*Try: --secret/],
  [["http://127.0.0.1:9/work", "--secret", "abc"], /--secret takes whsec_/],
  [["nonsense", "--unsigned"], /takes a URL/],
  [["http://127.0.0.1:9/work", "--unsigned", "--body", "[]"], /--body takes an object/],
])("says what is wrong and what to try: %j", async (args, says) => {
  expect(await baton(...args)).toEqual({ code: 2, out: expect.stringMatching(says) });
});

it("says so where nothing answers", async () => {
  const { code, out } = await baton(`http://127.0.0.1:${await freePort()}/`, "--unsigned", "--port", "0");
  expect({ code, out }).toEqual({ code: 2, out: expect.stringMatching(/does not answer.*\nTry: start the service/) });
});
