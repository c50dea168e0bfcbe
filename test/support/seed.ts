// The seed of every random test. In CI it is always the same, so that a change never fails there by the luck of the draw; on a
// developer's machine each run draws another one. SEED=<seed> repeats a run. Whoever uses it says it in a title or a line.

export function seedOf(env: Readonly<Record<string, string | undefined>>, draw: () => number = Math.random): number {
  if (env.SEED !== undefined) return Number(env.SEED);
  return isSet(env.CI) ? fixedSeed : Math.floor(draw() * 2 ** 31);
}

const fixedSeed = 20_260_101;
const isSet = (value: string | undefined): boolean => value !== undefined && !["", "0", "false"].includes(value);

export const seed = seedOf(process.env);

/** What a random test that only computes may take, on a machine that has other work as well. */
export const computingMs = 60_000;
