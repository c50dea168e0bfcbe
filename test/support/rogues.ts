// Owns receivers that misbehave: one that never answers, one that answers 500, one that resets the connection, and one that
// answers 100 MB. In a process of their own, so that what they do does not hold up whoever measures.
import { fork } from "node:child_process";
import { join } from "node:path";
import { afterAll } from "vitest";

export type Rogues = Readonly<Record<"hangs" | "fails" | "resets" | "floods", string>>;

/** Starts them, and gives their URLs; they end after the file's last test. */
export async function startRogues(): Promise<Rogues> {
  const child = fork(join(import.meta.dirname, "rogues-process.ts"), { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  afterAll(() => void child.kill("SIGKILL"));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding("utf8").once("data", resolve);
    child.once("exit", () => reject(new Error("the rogues ended before they said where they are")));
  });
  return JSON.parse(line);
}
