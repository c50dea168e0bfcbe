// The probes that a claim round takes: a receiver whose circuit is not closed gets one call, which tries it.
import { freeProbes, takeProbes } from "#actor/circuits/circuits";
import type { TurnEnv } from "#domain/turn/state";
import type { Sql } from "#store/pg/pool";

export interface Receiving {
  readonly receiver: string | null;
}

interface Probing extends Receiving {
  readonly attempt: number;
}

interface Gates {
  /** Whether a call to it has to be the probe. */
  readonly isGated: (receiver: string | null) => boolean;
}

/**
 * Admits candidates and takes the probes that they need; a candidate whose probe is not free is left out. `probes`: those that are
 * taken, each for a task that was chosen.
 */
export async function probed<C extends Probing, A extends { readonly chosen: readonly C[] }>(
  sql: Sql,
  candidates: readonly C[],
  { isGated }: Gates,
  { probeMs }: TurnEnv,
  admit: (some: readonly C[]) => A,
): Promise<A & { readonly probes: ReadonlySet<string> }> {
  const first = admit(candidates);
  // After a failed attempt the probe waits for tasks that have not failed yet, if the receiver has any.
  const wanted = first.chosen.flatMap(({ receiver, attempt }) =>
    receiver !== null && isGated(receiver) ? [{ receiver, hasFailed: attempt > 0 }] : [],
  );
  if (wanted.length === 0) return { ...first, probes: new Set() };
  const probes = await takeProbes(sql, wanted, probeMs);
  if (probes.size === wanted.length) return { ...first, probes };
  // Other candidates take the call slots that this leaves, and may displace one that was chosen before. They must not need a probe as well.
  const second = admit(candidates.filter(({ receiver }) => !isGated(receiver) || probes.has(receiver ?? "")));
  return { ...second, probes: await freeUnused(sql, probes, second.chosen) };
}

/** Frees the probe of every receiver that none of these tasks calls. Returns the others. */
export async function freeUnused(
  sql: Sql,
  probes: ReadonlySet<string>,
  chosen: readonly Receiving[],
): Promise<ReadonlySet<string>> {
  const used = new Set(chosen.map(({ receiver }) => receiver));
  const unused = probes.difference(used);
  if (unused.size > 0) await freeProbes(sql, [...unused]);
  return probes.difference(unused);
}
