// What is said of database work that took long: which of its statements, once a minute for each, so that a machine that is slow
// for a while does not fill the log. The metric counts all of it.
import type { Sent } from "#store/pg/connection";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

const againMs = 60_000;
const textCharsMax = 200;
const rememberedMax = 200;

export class SlowWork {
  readonly #thresholdMs: number;
  readonly #log: Pick<Logger, "warn">;
  readonly #said = new Map<string, { atMs: number; unsaid: number }>();

  constructor(thresholdMs: number, log: Pick<Logger, "warn">) {
    this.#thresholdMs = thresholdMs;
    this.#log = log;
  }

  /** Work with a connection in hand began and ended at these times. */
  ended(sent: readonly Sent[], beganMs: number, endedMs: number): void {
    const ms = endedMs - beganMs;
    if (ms <= this.#thresholdMs) return;
    metrics.dbSlowQueries.add(1);
    const statement = slowest(sent, endedMs);
    const said = this.#said.get(statement);
    if (said !== undefined && endedMs - said.atMs < againMs) {
      said.unsaid++;
      return;
    }
    if (this.#said.size >= rememberedMax) this.#said.clear();
    this.#said.set(statement, { atMs: endedMs, unsaid: 0 });
    const more = said?.unsaid ? { before: said.unsaid } : {};
    this.#log.warn({ ms: Math.round(ms), statement, statements: sent.length, ...more }, "slow database work");
  }
}

/** The one after which the longest time passed until the next was sent, or until the end. */
export function slowest(sent: readonly Sent[], endedMs: number): string {
  let [text, longest] = ["(none was sent)", -1];
  for (const [i, one] of sent.entries()) {
    const ms = (sent[i + 1]?.atMs ?? endedMs) - one.atMs;
    if (ms > longest) [text, longest] = [one.text, ms];
  }
  return text.replace(/--.*$/gm, "").replace(/\s+/g, " ").trim().slice(0, textCharsMax);
}
