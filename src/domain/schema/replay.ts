// What POST /webhook-deliveries/replay takes. Pure; lists every fault.
import * as Schema from "effect/Schema";
import type { Faults } from "#domain/faults";
import { decoder } from "#domain/schema/decode";
import { field, time } from "#domain/schema/text";

export const ReplaySince = Schema.Struct({
  since: field(time, "Deliveries that were exhausted then or later.", { example: "2030-01-31T12:00:00.000Z" }),
}).annotate({ identifier: "ReplaySince", description: "Which exhausted deliveries are sent again." });

const decode = decoder(ReplaySince);

/** The time as it was sent; undefined when there were faults. */
export const readReplaySince = (body: unknown, faults: Faults): string | undefined => decode(body, [], faults)?.since;
