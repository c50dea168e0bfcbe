// Every kind of fault that a call can end with, before it was sent and after: what becomes of the start. A kind that is
// added does not compile until this table knows it.
import type { Dispatcher } from "undici";
import { describe, expect, it } from "vitest";
import type { FaultKind } from "#domain/calls/call-fault";
import { until } from "#test/until";
import { Call, type SendResult } from "#webhook/call";
import { bench, claim } from "./starter.bench.ts";

/** `null`: it cannot come then. */
const words: Readonly<Record<FaultKind, readonly [unsent: string | null, sent: string | null]>> = {
  unreachable: ["start_unsent", null],
  local: ["start_unsent", "start_unanswered"],
  blocked: ["start_failed", null],
  tls: ["start_failed", "start_unanswered"],
  invalid: ["start_failed", null],
  closed: [null, "start_unanswered"],
  late: [null, "start_unanswered"],
  garbled: [null, "start_unanswered"],
  cut_off: ["released", "lease_expired"],
};
/** What the others say instead of the reason. */
const says: Readonly<Record<string, object>> = {
  start_unsent: { host: "service:80", error: "why", counts: true },
  released: {},
  lease_expired: { wasSent: true },
};
const cases = Object.entries(words).flatMap(([kind, [unsent, sent]]) => [
  ...(unsent === null ? [] : [[kind as FaultKind, "before it was sent", unsent] as const]),
  ...(sent === null ? [] : [[kind as FaultKind, "once it was sent", sent] as const]),
]);

/** As a connection would report on it. */
function ended(kind: FaultKind, isSent: boolean): SendResult {
  const results: SendResult[] = [];
  const call = new Call({
    ...{ totalMs: 60_000, connectMs: 60_000, maySend: () => true, again: () => {} },
    settle: (result) => results.push(result),
  });
  if (isSent) call.onRequestStart({ abort() {} } as unknown as Dispatcher.DispatchController);
  call.fail({ kind, says: "why" });
  return results[0] as SendResult;
}

describe("a start call that ends with a fault", () => {
  it.each(cases)("of the kind %s %s becomes %s with the reason", async (kind, when, word) => {
    for (const isReport of [false, true]) {
      const { starter, outcomes, calls } = bench();
      const params = { url: "http://service/run", verb: "Post", completes: "on_response" } as const;
      starter.start(claim(1, isReport ? { action: { kind: "Webhook", params } } : {}));
      calls[0]?.end(ended(kind, when === "once it was sent"));
      await until(() => outcomes.length === 1);
      const of = { type: word, task: "task-1", claimId: 1 };
      expect(outcomes).toEqual([{ ...of, ...(says[word] ?? { reason: "on_start failed: why" }) }]);
    }
  });
});
