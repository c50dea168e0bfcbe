// Owns an API on a real Postgres with a publisher that only counts: what creation and reading need, without workers.
import type { CommandPublisher } from "#bus/commands/publisher";
import { loadConfig } from "#config";
import { makePolicy } from "#domain/calls/guard";
import { loadConsole } from "#http/console/files";
import { loadSite } from "#http/docs/site";
import { makeServer } from "#http/server";
import { LargeCalls } from "#intake/large/calls";
import { migrate } from "#store/maintenance/migrate";
import { openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { freshDatabase } from "#test/services";
import { noActor, noNextEvent } from "./stubs.ts";

const noConsole = loadConsole(import.meta.dirname);
const noSite = loadSite(import.meta.dirname);

/** `does`: what its commands does, where it is more than to remember. */
export async function openApi(env: Record<string, string> = {}, does: Partial<CommandPublisher> = {}) {
  const url = await freshDatabase();
  const required = { DATABASE_URL: url, NATS_URL: "nats://localhost", HOST_URL: "http://localhost:8085" };
  const config = loadConfig({ ...required, LOG_LEVEL: "silent", ALLOWED_CIDRS: "127.0.0.0/8", ...env });
  const log = makeLogger(config, "test");
  const db = openDb(config, log);
  await migrate(db);
  let rings = 0;
  const ring = () => void rings++;
  const commands = { ...noActor, notifyClaims: ring, notifyBulk: ring, ...does };
  const large = new LargeCalls({ config, db, commands, log });
  const deps = {
    config,
    policy: makePolicy(config),
    db,
    commands,
    nextEvent: noNextEvent,
    large,
    console: noConsole,
    site: noSite,
    log,
  };
  const app = await makeServer(deps);
  return {
    app,
    deps,
    db,
    large,
    rings: () => rings,
    post: (body: unknown, query = "") =>
      app.inject({
        method: "POST",
        url: `/task${query}`,
        headers: { "content-type": "application/json" },
        payload: JSON.stringify(body),
      }),
    get: async (url: string) => (await app.inject(url)).json(),
    async close() {
      await app.close();
      await large.close();
      await db.close();
    },
  };
}
