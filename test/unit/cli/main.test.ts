// The command line as a process: exit codes and messages when there is nothing to talk to or it is called wrongly.
import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const baton = (...args: string[]) =>
  spawnSync(process.execPath, ["src/cli/main.ts", ...args], { cwd: root, encoding: "utf8", timeout: 8000 });

it("says how to start Baton when none answers, and ends with 2", async () => {
  const port = await closedPort();
  const { status, stderr, stdout } = baton("demo", "--url", `http://127.0.0.1:${port}`);
  expect(stderr).toContain(`http://127.0.0.1:${port}`);
  expect(stderr).toContain("npm start");
  expect(stderr).not.toContain("    at ");
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
});

it.each([
  { args: [] as string[] },
  { args: ["nonsense"] },
  { args: ["demo", "--nonsense"] },
  { args: ["demo", "--timeout", "soon"] },
  { args: ["demo", "--url", "nonsense"] },
  { args: ["get"] },
  { args: ["get", "nonsense"] },
  { args: ["list", "things"] },
])("says what is wrong, what to try, and ends with 2: $args", ({ args }) => {
  const { status, stderr } = baton(...args);
  expect(stderr).toMatch(/Try: |Usage: |takes a/);
  expect(stderr).not.toContain("    at ");
  expect(status).toBe(2);
});

it("names the command that was meant", () => {
  expect(baton("sumbit").stderr).toContain("submit");
});

it("shows every command when asked", () => {
  const { status, stdout } = baton("--help");
  for (const name of [
    "dev",
    "serve",
    "demo",
    "submit",
    "watch",
    "get",
    "why",
    "list",
    "cancel",
    "pause",
    "resume",
    "rerun",
  ])
    expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  expect(status).toBe(0);
});

// A port on which nothing listens any more.
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
