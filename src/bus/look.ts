// What an operator wants to know of a NATS server before, or instead of, running Baton on it. Reads only: makes and changes nothing.
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { serversOf } from "#bus/client";
import { changesOf, orMissing } from "#bus/streams";
import { inboxPrefixOf, streams } from "#bus/subjects";
import { isNewEnough, oldestServer } from "#bus/version";
import type { Config } from "#config";

export interface NatsLook {
  readonly server: string;
  readonly version: string;
  readonly isNewEnough: boolean;
  readonly oldest: string;
  readonly hasJetStream: boolean;
  /** The largest message that the server takes. */
  readonly payloadBytesMax: number;
  readonly streams: readonly StreamLook[];
  /** By its clock, in ms since 1970, with when that was asked by ours; undefined where no stream is there to ask for. */
  readonly clock: { readonly atMs: number; readonly askedMs: number } | undefined;
}

export interface StreamLook {
  readonly name: string;
  readonly isThere: boolean;
  /** Settings that are not as they should be: "max_bytes: 1 → 2". */
  readonly changes: readonly string[];
  /** How full it is: a share of its bytes, 0 to 1. */
  readonly full: number;
}

const answerMs = 5_000;

/** Rejects with what NATS or the network says. */
export async function lookAtNats({ natsUrl, natsReplicas, roles }: Pick<Config, "natsUrl" | "natsReplicas" | "roles">) {
  const nc = await connect({
    ...serversOf(natsUrl),
    ...{ name: "baton doctor", inboxPrefix: inboxPrefixOf(roles), timeout: answerMs, reconnect: false },
  });
  try {
    const {
      version = "",
      server_name: server = "",
      jetstream: hasJetStream = false,
      max_payload: most = 0,
    } = nc.info ?? {};
    const said = { server, version, isNewEnough: isNewEnough(version), oldest: oldestServer, payloadBytesMax: most };
    if (!hasJetStream) return { ...said, hasJetStream, streams: [], clock: undefined } satisfies NatsLook;
    const manager = await jetstreamManager(nc, { timeout: answerMs });
    let clock: NatsLook["clock"];
    const looks: StreamLook[] = [];
    for (const stream of Object.values(streams)) {
      const askedMs = Date.now();
      const found = await manager.streams.info(stream.name).catch(orMissing);
      if (found && found.ts !== undefined) clock = { atMs: Date.parse(found.ts), askedMs: (askedMs + Date.now()) / 2 };
      const { name, max_bytes: bytesMax = 0 } = stream;
      looks.push({
        ...{ name, isThere: found !== false },
        changes: found ? changesOf({ ...stream, num_replicas: natsReplicas }, found.config) : [],
        full: found && bytesMax > 0 ? found.state.bytes / bytesMax : 0,
      });
    }
    return { ...said, hasJetStream, streams: looks, clock } satisfies NatsLook;
  } finally {
    await nc.close();
  }
}
