// What examples/python/baton.py says of calls that it refuses and of reports that Baton refuses: else nobody at the service hears of either.
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { bring, bringLimitMs } from "#test/programs";
import { until } from "#test/until";
import { callOf, type Sent, secret, startBaton } from "../../unit/sdk/service/stage.ts";

let folder: string;
let baton: Awaited<ReturnType<typeof startBaton>>;
const children: ChildProcess[] = [];

beforeAll(() => bring("python3"), bringLimitMs);
beforeAll(async () => {
  baton = await startBaton();
  folder = mkdtempSync(join(inject("scratchDir"), "python-"));
  copyFileSync(join(import.meta.dirname, "../../../examples/python/baton.py"), join(folder, "baton.py"));
});
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  baton.close();
});

/** A service whose options end with `more`, in Python. */
async function start(name: string, more = "") {
  const file = join(folder, `${name}.py`);
  const ledger = JSON.stringify(join(folder, `${name}.txt`));
  const options = `port=0, baton="${baton.url}", secrets=["${secret}"], ledger=baton.FileLedger(${ledger})${more}`;
  writeFileSync(
    file,
    `import baton\n\ndef work(task):\n    return 1 // task.body["by"]\n\nbaton.serve(work, ${options})\n`,
  );
  const child = spawn("python3", [file]);
  children.push(child);
  const said = { out: "", error: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => (said.out += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (said.error += text));
  const [, port] = await until(() => /^listens on (\d+)$/m.exec(said.out), 10_000);
  const give = async (sent: Sent = {}, more: object = {}) => {
    const { url, headers, text, task } = callOf(baton.url, { body: { by: 1 }, ...sent });
    const init = { method: "POST", headers: { ...headers, ...more }, body: text };
    return { status: (await fetch(`http://127.0.0.1:${port}${url}`, init)).status, task };
  };
  const lines = (stream: "out" | "error") =>
    said[stream].split("\n").filter((line) => line !== "" && !/^listens/.test(line));
  return { give, lines };
}
const refusing = `, on_refused=lambda reason, path, key: print("refused", path, key, reason, sep="|", flush=True)`;
const heard = `, on_error=lambda error, task: print("error", task.task_id, error, sep="|", flush=True)`;

it("tells its function why it refuses a call", async () => {
  const service = await start("refusing", refusing);
  const other = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
  const cases: [Sent, object, number, RegExp][] = [
    [{ secrets: [] }, {}, 401, /^unsigned: does Baton have WEBHOOK_SIGNING_SECRET\?$/],
    [{ secrets: [other] }, {}, 401, /^no signature fits$/],
    [{}, { "webhook-id": "" }, 401, /^the header webhook-id is missing$/],
    [{ at: new Date(Date.now() - 301_000) }, {}, 401, /^the call is over five minutes old, or from the future$/],
    [{ handle: "https://b.example/task/1" }, {}, 401, /at http:\S+: is that Baton's HOST_URL\?$/],
    [{ body: "{" }, {}, 400, /^the body is no JSON$/],
  ];
  for (const [n, [sent, headers, status, reason]] of cases.entries()) {
    const { task, ...answer } = await service.give(sent, headers);
    expect(answer).toEqual({ status });
    const line = await until(() => service.lines("out")[n]);
    const [what, path, key, why] = line.split("|");
    expect([what, path, key]).toEqual(["refused", "/jobs/resize", `${task}:start`]);
    expect(why).toMatch(reason);
  }
});

it("writes one line on stderr by itself, however many calls it refuses, and answers though its function fails", async () => {
  const plain = await start("plain");
  for (let n = 0; n < 3; n += 1) expect((await plain.give({ secrets: [] })).status).toBe(401);
  expect((await plain.give()).status).toBe(202);
  const line = "baton.py: refused a call to /jobs/resize: unsigned: does Baton have WEBHOOK_SIGNING_SECRET?";
  await until(() => plain.lines("error").length > 0);
  expect(plain.lines("error")).toEqual([line]);
  const failing = await start("failing", ", on_refused=lambda **_: 1 / 0");
  expect((await failing.give({ secrets: [] })).status).toBe(401);
});

it("says which report Baton refused, and what a work raised, to its function or on stderr", async () => {
  baton.answer = () => [401, "unauthorized"];
  const service = await start("heard", heard);
  const { task } = await service.give();
  expect(await until(() => service.lines("out")[0])).toBe(`error|${task}|HTTP Error 401: Unauthorized`);
  const plain = await start("by-itself");
  const { task: second } = await plain.give();
  expect(await until(() => plain.lines("error")[0])).toBe(`baton.py: task ${second}: HTTP Error 401: Unauthorized`);
  baton.answer = () => undefined;
  const { task: third } = await service.give({ body: { by: 0 } });
  expect(await until(() => service.lines("out")[1])).toMatch(new RegExp(`^error\\|${third}\\|integer division`));
  await until(() => baton.ends().some(({ failure_reason: reason }) => /^integer division/.test(String(reason))));
});
