// The example worker and its pipeline, as a newcomer runs them: two workers in one queue group, users of the shipped nats.conf.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { startCluster } from "#test/cluster";
import { shippedNats } from "#test/services";
import { until, within } from "#test/until";

const root = join(import.meta.dirname, "../../..");

/** `node examples/nats-worker.ts` with what it says, until the test ends. */
function startWorker(natsUrl: string) {
  const env = { PATH: process.env.PATH ?? "", NATS_URL: natsUrl };
  const child: ChildProcess = spawn(process.execPath, ["examples/nats-worker.ts"], { cwd: root, env });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, exited, lines: () => said.split("\n").filter((line) => line !== "") };
}

it("does each job of the pipeline once, and every task succeeds", async () => {
  const nats = await shippedNats();
  const cluster = await startCluster({ nats });
  const workers = [startWorker(nats.urlOf("client")), startWorker(nats.urlOf("client"))];
  await until(() => workers.every(({ lines }) => lines().some((line) => line.startsWith("pulling"))));
  const ids = await cluster.create(readFileSync(join(root, "examples/nats-pipeline.json"), "utf8"));
  const statuses = async () => Promise.all(Object.values(ids).map((id) => cluster.status(id)));
  await until(async () => (await statuses()).every((status) => status === "Success"), 20_000);
  const said = () => workers.flatMap(({ lines }) => lines());
  // The pipeline's own notification is work of the queue, too.
  await until(() => said().some((line) => line === `end ${ids.index}`));
  const done = said().flatMap((line) => /^done (\S+) (.*)$/.exec(line)?.slice(1, 3) ?? []);
  const jobs = done.filter((_, i) => i % 2 === 0);
  expect(jobs.toSorted()).toEqual(Object.values(ids).toSorted());
  expect((await cluster.call("GET", `/task/${ids.title}`)).body.result).toEqual({ words: 5 });

  const bad = {
    id: "a",
    name: "a",
    kind: "words",
    on_start: { kind: "Nats", params: { subject: "baton.work.words.count" } },
  };
  const { a } = await cluster.create([bad]);
  await until(async () => (await cluster.status(a as string)) === "Failure");
  expect((await cluster.row(a as string)).failure_reason).toBe("there is no text to count");

  for (const { child } of workers) child.kill("SIGTERM");
  expect(await within(() => Promise.all(workers.map(({ exited }) => exited)), 10_000)).toEqual([0, 0]);
  expect(said().filter((line) => !/^(pulling|done|failed|end) /.test(line))).toEqual([]);
});

it("says plainly that no NATS answers, and how to say where it is", async () => {
  const { exited, lines } = startWorker("nats://127.0.0.1:9");
  expect(await within(() => exited, 10_000)).toBe(1);
  expect(lines()).toEqual([
    "No NATS answers at 127.0.0.1:9: connection refused",
    "Start Baton first (npm start), or say where NATS is: NATS_URL=nats://127.0.0.1:<port>",
  ]);
});
