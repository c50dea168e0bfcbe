// A process that is asked to end while it is still opening what it needs.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { within } from "#test/until";

const root = join(import.meta.dirname, "../..");

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s at the very start closes what was opened, and ends with 0",
  async (signal) => {
    // Nothing listens there: what is away is waited for.
    const away = { DATABASE_URL: "postgres://127.0.0.1:1/none", NATS_URL: "nats://127.0.0.1:1" };
    const env = { PATH: process.env.PATH, ...away, HOST_URL: "http://127.0.0.1", PORT: "0", ROLES: "api,worker" };
    const child = spawn(process.execPath, ["src/main.ts"], { cwd: root, env });
    const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const { msg } = JSON.parse(line) as { readonly msg: string };
      if (msg === "starting") child.kill(signal);
      said.push(msg);
    }
    expect([await within(() => exited, 20_000), said.includes("stopping")]).toEqual([0, true]);
  },
);
