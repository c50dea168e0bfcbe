// Wires the HTTP side: the API in role api, health and metrics in every role. Wiring only; nothing is decided here.
import type { Bus } from "#bus/client";
import { answerCreates } from "#bus/create";
import { openDoor } from "#bus/door";
import type { Config } from "#config";
import { makePolicy } from "#domain/guard";
import { createBatch } from "#http/create";
import { makeServer, makeStatusServer } from "#http/server";
import type { Db } from "#store/client";
import type { Logger } from "#telemetry/log";

export interface Serving {
  readonly url: string;
  /** Finishes requests in flight, `graceMs` at most. */
  stop(graceMs: number): Promise<void>;
}

export async function serve(config: Config, db: Db, bus: Bus, log: Logger): Promise<Serving> {
  const door = openDoor(bus, { channelCapacity: config.batchChannelCapacity, decidable: () => db.up });
  const deps = { config, policy: makePolicy(config), db, door, log };
  const isApi = config.roles.has("api");
  const server = isApi ? await makeServer(deps) : await makeStatusServer(deps);
  const stopCreates = isApi ? answerCreates(bus, (body, key) => createBatch(deps, body, key), log) : () => {};
  const url = await server.listen({ port: config.port, host: "0.0.0.0" });
  return {
    url,
    async stop(graceMs) {
      stopCreates();
      await Promise.race([server.close(), new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
    },
  };
}
