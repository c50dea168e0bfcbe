// Owns what test files share: one Postgres (unless DATABASE_URL names one), a nats-server program, a scratch directory.
// Runs in vitest's own process, once however many projects ask; everything is ended and deleted after the last of them.
// What an interrupted run left in .baton/ is deleted by the next one; its servers died with it.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import connect from "postgres";
import type { TestProject } from "vitest/node";
import { natsServer, startPostgres } from "../../scripts/services.mjs";

declare module "vitest" {
  interface ProvidedContext {
    /** The server on which `freshDatabase` makes databases; its user may do so. */
    postgresUrl: string;
    /** Scratch directory of this run, deleted at its end. */
    scratchDir: string;
  }
}

interface Shared {
  readonly postgresUrl: string;
  readonly scratchDir: string;
  end(): Promise<void>;
}

// Each project loads this file anew, so what they share cannot lie in a variable of the module.
const place = globalThis as { batonTestServices?: { shared: Promise<Shared>; users: number } };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  place.batonTestServices ??= { shared: begin(), users: 0 };
  const services = place.batonTestServices;
  services.users += 1;
  const { postgresUrl, scratchDir } = await services.shared;
  project.provide("postgresUrl", postgresUrl);
  project.provide("scratchDir", scratchDir);
  return async () => {
    services.users -= 1;
    if (services.users > 0) return;
    delete place.batonTestServices;
    await (await services.shared).end();
  };
}

async function begin(): Promise<Shared> {
  const baton = join(import.meta.dirname, "../../.baton");
  const scratchDir = join(baton, `test-${process.pid}`);
  mkdirSync(scratchDir, { recursive: true });
  for (const name of readdirSync(baton)) {
    const [, pid] = /^test-(\d+)$/.exec(name) ?? [];
    if (pid && !lives(Number(pid))) rmSync(join(baton, name), { recursive: true, force: true });
  }
  process.once("exit", () => rmSync(scratchDir, { recursive: true, force: true }));
  const [postgres] = await Promise.all([
    process.env.DATABASE_URL ? undefined : startPostgres({ dir: join(scratchDir, "postgres") }),
    natsServer((line) => console.log(line)),
  ]);
  return {
    postgresUrl: process.env.DATABASE_URL || postgres?.url || "",
    scratchDir,
    async end() {
      if (!postgres) await dropTemplates(process.env.DATABASE_URL as string);
      await postgres?.stop();
      rmSync(scratchDir, { recursive: true, force: true });
    },
  };
}

/** On a server that is not ours, the databases that full.ts filled in this run would stay. */
async function dropTemplates(url: string): Promise<void> {
  const sql = connect(url, { max: 1, onnotice: () => {} });
  const made = await sql<{ name: string }[]>`
    select datname as name from pg_database where datname ~ ${`^full_[0-9]+_${process.pid}(_making)?$`}`;
  for (const { name } of made) await sql.unsafe(`drop database ${name} with (force)`);
  await sql.end();
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
