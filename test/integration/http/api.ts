// Owns an API on a real Postgres with a door that only remembers: what creation and reading need, without workers.
import { loadConfig } from "#config";
import { makePolicy } from "#domain/guard";
import { makeServer } from "#http/server";
import { openDb } from "#store/client";
import { migrate } from "#store/migrate";
import { makeLogger } from "#telemetry/log";
import { freshDatabase } from "#test/services";

export async function openApi(env: Record<string, string> = {}) {
  const url = await freshDatabase();
  const required = { DATABASE_URL: url, NATS_URL: "nats://localhost", HOST_URL: "http://localhost:8085" };
  const config = loadConfig({ ...required, LOG_LEVEL: "silent", ALLOWED_CIDRS: "127.0.0.0/8", ...env });
  const log = makeLogger(config, "test");
  const db = openDb(config, log);
  await migrate(db);
  let rings = 0;
  const unused = () => Promise.reject(new Error("no actor in this test"));
  const door = { up: true, ring: () => void rings++, ask: unused, progress: unused, counted: unused };
  const app = await makeServer({ config, policy: makePolicy(config), db, door, log });
  return {
    app,
    db,
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
      await db.close();
    },
  };
}
