// What no later moment mends ends a process with 78 and one line: a database that is not Baton's, an address of another machine.
import { spawn } from "node:child_process";
import { join } from "node:path";
import postgres from "postgres";
import { expect, test } from "vitest";
import { freshDatabase, freshNats } from "#test/services";
import { within } from "#test/until";

const root = join(import.meta.dirname, "../..");

test.each(["api", "worker", "api,worker"])(
  "ROLES=%s ends on a database of ArcRun, and leaves it as it was",
  async (roles) => {
    const [url, nats] = await Promise.all([freshDatabase(), freshNats()]);
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    try {
      await sql`create table task (id uuid primary key, name text not null)`;
      const env = { DATABASE_URL: url, NATS_URL: nats.url, HOST_URL: "http://127.0.0.1", PORT: "0", ROLES: roles };
      const child = spawn(process.execPath, ["src/main.ts"], { cwd: root, env: { PATH: process.env.PATH, ...env } });
      let said = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text) => (said += text));
      const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
      expect(await within(() => exited, 20_000)).toBe(78);
      const lines = said
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { level: string; msg: string });
      const bad = lines.filter(({ level }) => level === "fatal" || level === "error");
      expect(bad.map(({ level, msg }) => [level, msg])).toEqual([
        ["fatal", "DATABASE_URL names a database with a table task that is not Baton's: give Baton one of its own"],
      ]);
      expect(await sql`select table_name from information_schema.tables where table_schema = 'public'`).toMatchObject([
        { table_name: "task" },
      ]);
    } finally {
      await sql.end({ timeout: 5 });
    }
  },
);

test("LISTEN_HOST that is no address of this machine ends the start with one line that says what is allowed", async () => {
  const [url, nats] = await Promise.all([freshDatabase(), freshNats()]);
  const env = { DATABASE_URL: url, NATS_URL: nats.url, HOST_URL: "http://127.0.0.1", PORT: "0", ROLES: "api" };
  for (const host of ["192.0.2.77", "no-such-host.invalid"]) {
    const set = { PATH: process.env.PATH, ...env, LISTEN_HOST: host, LOG_LEVEL: "error" };
    const child = spawn(process.execPath, ["src/main.ts"], { cwd: root, env: set });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
    const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
    expect(await within(() => exited, 20_000)).toBe(78);
    expect(said).toMatch(
      new RegExp(`^LISTEN_HOST="${host}": must be an IP address or a name of this machine \\(E\\w+\\)\n$`),
    );
  }
});
