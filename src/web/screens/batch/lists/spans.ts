// What a task did from when to when, as parts of one bar. Pure. Without its past only created, started and ended are known, and
// what lies between is one part.
import type { Moments } from "../../../data/history.ts";
import { isFinal, stateIndex } from "../../../data/states.ts";

export interface Span {
  /** The state whose look it has. */
  readonly state: number;
  /** What it was, where that is not its state alone. */
  readonly words?: string;
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

const [waiting, running, retrying] = [stateIndex("Waiting"), stateIndex("Running"), stateIndex("Retrying")];
/** Events do not say whether a rule or a time held a task that was ready, but that it was put back they do. */
const putBack = { state: retrying, words: "Pending, put back" };

/** `now`: where what goes on ends. */
export function spansOf(moments: Moments | undefined, known: Known, now: number): Span[] {
  if (moments === undefined) return fewSpans(known, now);
  const spans: Span[] = [];
  let [state, from, isPutBack] = [moments.first, known.created, false];
  const put = (to: number) => {
    if (to > from && !isFinal(state)) spans.push({ ...(isPutBack ? putBack : { state }), from, to });
  };
  for (const [i, at] of moments.at.entries()) {
    put(at);
    [state, from, isPutBack] = [moments.state[i] ?? state, at, moments.isPutBack[i] ?? false];
  }
  put(now);
  return spans;
}

function fewSpans({ state, created, started, ended }: Known, now: number): Span[] {
  const waitedTo = started || ended || now;
  return [
    ...(waitedTo > created
      ? [
          isFinal(state) || started > 0
            ? { state: waiting, words: "Before its start", from: created, to: waitedTo }
            : { state, from: created, to: waitedTo },
        ]
      : []),
    ...(started > 0 ? [{ state: running, words: "From its start on", from: started, to: ended || now }] : []),
  ];
}
