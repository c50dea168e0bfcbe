/**
 * Prints how Postgres runs what somebody waits for: `node scripts/plan.ts NAME` with a name of test/support/plans.ts (a part of it
 * is enough; none lists them), under the settings of the process itself, which psql does not have. On a full database that is
 * filled for the purpose and kept in .baton/plan; `--tasks N` (300,000) says how full.
 */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { loadConfig } from "../src/config/settings.ts";
import { openDb } from "../src/store/pg/pool.ts";
import { makeLogger } from "../src/telemetry/log.ts";
import { makeFull } from "../test/support/fill.ts";
import { known, plans } from "../test/support/plans.ts";
import { startPostgres } from "./services.mjs";

const { values, positionals } = parseArgs({
  options: { tasks: { type: "string", default: "300000" } },
  allowPositionals: true,
});
const [wanted] = positionals;
const names = Object.keys(plans).filter((name) => wanted !== undefined && name.includes(wanted));
if (names.length === 0) {
  console.log(Object.keys(plans).join("\n"));
  process.exit(wanted === undefined ? 0 : 1);
}

const dir = join(import.meta.dirname, `../.baton/plan/${Number(values.tasks)}`);
mkdirSync(dir, { recursive: true });
const settings = {
  session_preload_libraries: "auto_explain",
  "auto_explain.log_analyze": "on",
  "auto_explain.log_buffers": "on",
  "auto_explain.log_min_duration": "-1",
};
const server = await startPostgres({ dir, port: 0, settings });
try {
  const filled = join(dir, "filled");
  if (!existsSync(filled)) {
    await makeFull(server.url, Number(values.tasks));
    writeFileSync(filled, "");
  }
  const config = loadConfig({ DATABASE_URL: server.url, NATS_URL: "nats://localhost", HOST_URL: "http://localhost" });
  const db = openDb({ ...config, poolMaxSize: 1, poolMinIdle: 1 }, makeLogger({ logLevel: "silent" }, "plan"));
  const ids = await known(db);
  const log = join(dir, "postgres.log");
  for (const name of names) {
    await explain(server.url, true);
    const before = statSync(log).size;
    await plans[name]?.run(db, ids);
    await explain(server.url, false);
    console.log(`\n== ${name}\n${readFileSync(log).subarray(before).toString()}`);
  }
  await db.close();
} finally {
  await server.stop();
}

/** For every connection, from its next statement on. */
async function explain(url: string, on: boolean): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.unsafe(`alter system set auto_explain.log_min_duration = ${on ? 0 : -1}`);
  await sql`select pg_reload_conf()`;
  await sql`select pg_sleep(0.3)`;
  await sql.end();
}
