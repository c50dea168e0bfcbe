// How often an open console asks for what does not come by itself.
import type { Overview } from "../../../sdk/client.ts";

/** How often the overview is asked for, in ms, while it is visible: less often where nothing runs, starts or ends. */
export const paceOf = (figures: Overview | undefined): number => {
  if (figures === undefined) return 5_000;
  const { starts, successes, failures } = figures.last_minute;
  return figures.running + starts + successes + failures > 0 ? 5_000 : 20_000;
};
