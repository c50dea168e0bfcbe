// Wires the HTTP side: the API in role api, health and metrics in every role. Wiring only; nothing is decided here.
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Bus } from "#bus/client";
import { answerBatches } from "#bus/commands/create";
import { openPublisher } from "#bus/commands/publisher";
import { nextEvent } from "#bus/events";
import type { Config } from "#config";
import { makePolicy } from "#domain/calls/guard";
import { loadConsole } from "#http/console/files";
import { loadSite } from "#http/docs/site";
import { makeServer, makeStatusServer } from "#http/server";
import { addFromMessage, closeFromMessage, createFromMessage } from "#intake/by-message";
import { LargeCalls } from "#intake/large/calls";
import { inTime } from "#store/pg/in-time";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";

/** Where scripts/console.mjs and scripts/site put what they build. */
const consoleDir = fileURLToPath(new URL("../../dist/console", import.meta.url));
const siteDir = fileURLToPath(new URL("../../dist/site", import.meta.url));

export interface Serving {
  readonly url: string;
  /** Finishes requests in flight, `graceMs` at most. */
  stop(graceMs: number): Promise<void>;
}

export async function serve(config: Config, db: Db, bus: Bus, log: Logger): Promise<Serving> {
  const commands = openPublisher(bus, { channelCapacity: config.batchChannelCapacity, decidable: () => db.up });
  const answering = inTime(db, config.poolTimeoutSecs * 1000);
  const large = new LargeCalls({ config, db: answering, commands, log });
  const deps = { config, policy: makePolicy(config), db: answering, commands, nextEvent: nextEvent(bus), large, log };
  const isApi = config.roles.has("api");
  const server = isApi
    ? await makeServer({ ...deps, console: loadConsole(consoleDir), site: loadSite(siteDir) })
    : await makeStatusServer(deps);
  const stopAnswers = isApi
    ? answerBatches(
        bus,
        {
          create: (_, body, key) => createFromMessage(deps, body, key),
          add: (id, body, key) => addFromMessage(deps, id, body, key),
          close: (id, body, key) => closeFromMessage(deps, id, body, key),
        },
        log,
      )
    : () => {};
  if (isApi && config.authToken === undefined && config.authTokens.length === 0) log.warn(openCalls(config));
  const url = await server.listen({ port: config.port, host: config.listenHost });
  return {
    url,
    async stop(graceMs) {
      stopAnswers();
      await Promise.race([server.close(), pause(graceMs, undefined, { ref: false })]);
      await large.close();
    },
  };
}

function openCalls({ handleSecret }: Config): string {
  const open =
    "every client that reaches this address may make every call: set AUTH_TOKEN or AUTH_TOKENS, or keep others from reaching it";
  return handleSecret === undefined ? open : `reports need a signed handle, and for the rest ${open}`;
}
