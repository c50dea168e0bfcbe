// What a task did from when to when, as parts of one bar. Pure. Without its past only created, started and ended are known, and
// what lies between is one part.
import type { Moments } from "../../../data/history.ts";
import { isFinal, stateIndex } from "../../../data/states.ts";

export interface Span {
  readonly state: number;
  readonly from: number;
  readonly to: number;
}

interface Known {
  readonly state: number;
  /** Milliseconds; 0: not yet. */
  readonly created: number;
  readonly started: number;
  readonly ended: number;
}

const [waiting, running] = [stateIndex("Waiting"), stateIndex("Running")];

/** `now`: where what goes on ends. */
export function spansOf(moments: Moments | undefined, known: Known, now: number): Span[] {
  if (moments === undefined) return fewSpans(known, now);
  const spans: Span[] = [];
  const put = (state: number, from: number, to: number) => {
    if (to > from && !isFinal(state)) spans.push({ state, from, to });
  };
  let [state, from] = [moments.first, known.created];
  for (const [i, at] of moments.at.entries()) {
    put(state, from, at);
    [state, from] = [moments.state[i] ?? state, at];
  }
  put(state, from, now);
  return spans;
}

function fewSpans({ state, created, started, ended }: Known, now: number): Span[] {
  const waitedTo = started || ended || now;
  return [
    ...(waitedTo > created
      ? [{ state: isFinal(state) || started > 0 ? waiting : state, from: created, to: waitedTo }]
      : []),
    ...(started > 0 ? [{ state: running, from: started, to: ended || now }] : []),
  ];
}
