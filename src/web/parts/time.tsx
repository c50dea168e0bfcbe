// Times as the person who looks wants them, by one switch; the full form is in the tooltip. What ticks, ticks once a second for
// the whole page, and not while it is hidden.
import { useEffect, useState } from "react";
import { agoText, durationText, timeText } from "../data/format.ts";
import { timeMode } from "../data/prefs.ts";
import { makeStore, useStore } from "../data/store.ts";

const tick = makeStore(Date.now());
setInterval(() => {
  if (document.visibilityState === "visible") tick.set(Date.now());
}, 1_000);

/** The present, each second. */
export const useNow = (): number => useStore(tick);

export function Time({ at }: { readonly at: string | number | null | undefined }) {
  const mode = useStore(timeMode);
  const now = useNow();
  if (at === null || at === undefined || at === 0) return <span className="faint">–</span>;
  const ms = typeof at === "number" ? at : Date.parse(at);
  const text = mode === "ago" ? agoText(ms, now) : timeText(ms, mode, now);
  const iso = new Date(ms).toISOString();
  const title = `${iso}\n${timeText(ms, "local", 0)} here\n${agoText(ms, now)}`;
  return (
    <time dateTime={iso} title={title}>
      {text}
    </time>
  );
}

/** How long it has been, or will be, whatever the switch says. */
export function Ago({ at }: { readonly at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span className="faint">–</span>;
  return (
    <time dateTime={at} title={at}>
      {agoText(Date.parse(at), now)}
    </time>
  );
}

/** From one time to another, or to now. */
export function Took({ from, to }: { readonly from: string | number | null; readonly to: string | number | null }) {
  const now = useNow();
  if (from === null || from === 0) return <span className="faint">–</span>;
  const begin = typeof from === "number" ? from : Date.parse(from);
  const end = to === null || to === 0 ? now : typeof to === "number" ? to : Date.parse(to);
  return <span className="num">{durationText(Math.max(0, end - begin))}</span>;
}

/** True once something has taken so long that it is worth a word. */
export function useSlow(isWaiting: boolean, afterMs = 300): boolean {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    if (!isWaiting) return setSlow(false);
    const timer = setTimeout(() => setSlow(true), afterMs);
    return () => clearTimeout(timer);
  }, [isWaiting, afterMs]);
  return isSlow;
}
