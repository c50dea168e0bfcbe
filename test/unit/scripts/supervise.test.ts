// What `npm start` shows of its processes: errors, and what is no line of the log.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadConfig } from "#config";
import { makeLogger } from "#telemetry/log";
import { startProcess } from "../../../scripts/supervise.mjs";

/** A line of our own log. */
function logged(write: (log: ReturnType<typeof makeLogger>) => void): string {
  const required = { DATABASE_URL: "postgres://h/d", NATS_URL: "nats://h", HOST_URL: "http://h" };
  const lines: string[] = [];
  write(makeLogger(loadConfig(required), "test", { write: (line: string) => void lines.push(line) }));
  return lines.join("").trim();
}

it("shows errors and crashes of a process once, and writes all it says to its log file", async () => {
  const dir = mkdtempSync(join(tmpdir(), "baton-supervise-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const lines = [
    logged((log) => log.info("serving")),
    logged((log) => log.warn("slow")),
    logged((log) => log.error({ err: new Error("no space") }, "could not write")),
    logged((log) => log.error({ err: new Error("no space") }, "could not write")),
    logged((log) => log.fatal("a database of another program")),
    "a crash",
  ];
  const [entry, logFile] = [join(dir, "entry.mjs"), join(dir, "one.log")];
  writeFileSync(entry, `process.stdout.write(${JSON.stringify(`${lines.join("\n")}\n`)});`);
  const shown: string[] = [];
  const one = startProcess({ name: "one", entry, env: process.env, logFile, show: (line) => void shown.push(line) });
  await one.exited;
  expect(shown).toEqual(["one: could not write: no space", "one: a database of another program", "one: a crash"]);
  expect(readFileSync(logFile, "utf8").trim().split("\n")).toEqual(lines);
});
