// What POST /batch/{id}/rerun takes. Pure; lists every fault.
import * as Schema from "effect/Schema";
import { type RerunKind, rerunKinds } from "#domain/rerun";
import { decoder, type Faults } from "#domain/schema/decode";

export const Rerun = Schema.Struct({ only: Schema.Literals(rerunKinds) });

const decode = decoder(Rerun);

/** Undefined when there were faults. */
export const readRerun = (body: unknown, faults: Faults): RerunKind | undefined => decode(body, "", faults)?.only;
