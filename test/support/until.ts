// Waiting on facts, for tests; the only place with timers. A fact is a function that is asked again until what it
// returns is true enough. When it never is, the error says what was waited for and what was seen last.

const everyMs = 15;

/** Resolves with the first truthy value of `fact`. What it throws counts as "not yet" and is shown at the end. */
export async function until<T>(fact: () => T | Promise<T>, timeoutMs = 10_000, what = said(fact)): Promise<Solid<T>> {
  const end = performance.now() + timeoutMs;
  let seen: unknown;
  for (;;) {
    try {
      const value = await within(fact, Math.max(end - performance.now(), everyMs));
      if (value) return value as Solid<T>;
      seen = value;
    } catch (error) {
      seen = error;
    }
    if (performance.now() > end) throw new Error(`Not within ${timeoutMs} ms: ${what}. Last seen: ${shown(seen)}`);
    await sleep(everyMs);
  }
}

/** Throws unless the fact is true now and stays so for `ms`: for what must not happen. */
export async function stays(fact: () => unknown | Promise<unknown>, ms: number, what = said(fact)): Promise<void> {
  const end = performance.now() + ms;
  do {
    if (!(await fact())) throw new Error(`Did not stay so for ${ms} ms: ${what}`);
    await sleep(everyMs);
  } while (performance.now() < end);
}

/** For what takes time by its nature, such as a receiver that is slow. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves with what `work` gives, or rejects after `ms`. */
export async function within<T>(work: () => T | Promise<T>, ms: number, what = said(work)): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not settled within ${Math.round(ms)} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

type Solid<T> = Exclude<T, null | undefined | false | 0 | "">;

const said = (fact: () => unknown) => fact.toString().replace(/\s+/g, " ").slice(0, 300);

function shown(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return value === undefined ? "undefined" : JSON.stringify(value).slice(0, 1000);
}
