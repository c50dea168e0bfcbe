// What POST /webhook-deliveries/replay takes. Pure; lists every fault.
import * as Schema from "effect/Schema";
import { decoder, type Faults } from "#domain/schema/decode";
import { time } from "#domain/schema/text";

export const ReplaySince = Schema.Struct({ since: time });

const decode = decoder(ReplaySince);

/** The time as it was sent; undefined when there were faults. */
export const readReplaySince = (body: unknown, faults: Faults): string | undefined => decode(body, "", faults)?.since;
