// Wires the HTTP side: the API in role api, health and metrics in every role. Wiring only; nothing is decided here.
import { fileURLToPath } from "node:url";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { type Acts, answerBatches } from "#bus/commands/create";
import { openPublisher } from "#bus/commands/publisher";
import { nextEvent } from "#bus/events";
import type { Config } from "#config";
import { makePolicy } from "#domain/calls/guard";
import { loadConsole } from "#http/console/files";
import { loadSite } from "#http/docs/site";
import { makeServer, makeStatusServer } from "#http/server";
import { addFromMessage, closeFromMessage, createFromMessage } from "#intake/by-message";
import { LargeCalls } from "#intake/large/calls";
import { basics, closed, graceMsOf, Http, held, makeGrace } from "#roles/scope";
import { inTime as within } from "#store/pg/in-time";

/** Where scripts/console.mjs and scripts/site put what they build. */
const consoleDir = fileURLToPath(new URL("../../dist/console", import.meta.url));
const siteDir = fileURLToPath(new URL("../../dist/site", import.meta.url));

/** Requests under way are finished in time; answers by NATS end before. */
export const http = Layer.effect(
  Http,
  Effect.gen(function* () {
    const { config, log, db, bus } = yield* basics;
    const { inTime } = makeGrace(graceMsOf(config));
    const commands = openPublisher(bus, { channelCapacity: config.batchChannelCapacity, decidable: () => db.up });
    const answering = within(db, config.poolTimeoutSecs * 1000);
    const large = yield* closed(() => new LargeCalls({ config, db: answering, commands, log }));
    const deps = { config, policy: makePolicy(config), db: answering, commands, nextEvent: nextEvent(bus), large, log };
    const isApi = config.roles.has("api");
    const server = yield* Effect.acquireRelease(
      Effect.promise(() =>
        isApi
          ? makeServer({ ...deps, console: loadConsole(consoleDir), site: loadSite(siteDir) })
          : makeStatusServer(deps),
      ),
      (it) => Effect.promise(() => inTime(it.close())),
    );
    const url = yield* Effect.promise(() => server.listen({ port: config.port, host: config.listenHost }));
    if (!isApi) return { url };
    const acts: Acts = {
      create: (_, body, key) => createFromMessage(deps, body, key),
      add: (id, body, key) => addFromMessage(deps, id, body, key),
      close: (id, body, key) => closeFromMessage(deps, id, body, key),
    };
    yield* held(
      () => answerBatches(bus, acts, log),
      (stop) => inTime(stop()),
    );
    if (config.authToken === undefined && config.authTokens.length === 0) log.warn(openCalls(config));
    return { url };
  }),
);

function openCalls({ handleSecret }: Config): string {
  const open =
    "every client that reaches this address may make every call: set AUTH_TOKEN or AUTH_TOKENS, or keep others from reaching it";
  return handleSecret === undefined ? open : `reports need a signed handle, and for the rest ${open}`;
}
