// What POST /batch/{id}/rerun takes. Pure; lists every fault.
import * as Schema from "effect/Schema";
import { type RerunAsk, rerunKinds } from "#domain/create/rerun-pick";
import type { Faults } from "#domain/faults";
import { decoder } from "#domain/schema/decode";
import { opt, uuid } from "#domain/schema/text";

export const Rerun = Schema.Struct({
  only: opt(Schema.Literals(rerunKinds), "`failed`: every task that is not Success. `all`: every task.", {
    default: "failed",
    example: "failed",
  }),
  dependents: opt(
    Schema.Boolean,
    "With `failed`: also every task that depends on one of these, directly or not, though it succeeded.",
    { default: false, example: true },
  ),
  from: opt(
    Schema.Array(uuid),
    "Ids of tasks of the batch. They run again with what depends on them, and nothing else, whatever `only` says. They start whatever the parents did that are left out.",
    { example: ["019b0000-0000-7000-8000-00000000000a"] },
  ),
}).annotate({ identifier: "Rerun", description: "What of an ended batch runs again." });

const decode = decoder(Rerun);

/** Undefined when there were faults. No body asks for what failed. */
export function readRerun(body: unknown, faults: Faults): RerunAsk | undefined {
  const sent = decode(body ?? {}, [], faults);
  if (sent === undefined) return undefined;
  const { only, dependents, from } = sent;
  return {
    only: only ?? "failed",
    dependents: dependents ?? false,
    from: from?.map((id) => id.toLowerCase()) ?? null,
  };
}
