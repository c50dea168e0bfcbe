// Random plans: a few batches of tasks that share a few keys under rules of their own, and what is done to them.
import fc from "fast-check";

export interface PlannedRule {
  readonly type: "Concurrency" | "Concurency" | "Capacity" | "Rate";
  readonly kind: number;
  readonly fields: readonly string[];
  readonly limit: number;
}
export type PlannedMetadata = Readonly<Record<string, unknown>> | null;
/** How the service answers the start call. `hold`: when the task ends; `report`: it reports first; `answer`: that is the report. */
export const manners = ["ok", "ok", "ok", "hold", "report", "answer", "fail", "defer"] as const;
export interface PlannedTask {
  readonly kind: number;
  readonly metadata: PlannedMetadata;
  readonly rules: readonly PlannedRule[];
  readonly expected: number | null;
  readonly priority: number;
  readonly when: "now" | "delay" | "run_at";
  readonly retries: number;
  readonly edges: readonly (readonly [number, Readonly<Record<string, unknown>>])[];
  readonly manner: (typeof manners)[number];
}
export type Command =
  | { readonly what: "succeed" | "fail" | "cancel" | "pause" | "resume" | "create" | "stop" | "pauseAll" | "resumeAll" }
  | { readonly what: "metadata"; readonly value: PlannedMetadata }
  | { readonly what: "priority" | "expect"; readonly value: number }
  | { readonly what: "count"; readonly value: readonly [number, number] }
  | { readonly what: "rules"; readonly kind: number; readonly value: readonly PlannedRule[] };
/** `n` chooses whom it is about; `wait`: nothing else is asked before it is answered. */
export type Step = Command & { readonly n: number; readonly wait: boolean };
export interface Plan {
  readonly batches: readonly (readonly PlannedTask[])[];
  readonly steps: readonly Step[];
}

const kind = fc.integer({ min: 0, max: 1 });
const fields = fc.constantFrom([], [], ["f"], ["f"], ["g"], ["g", "f"]);
const value = fc.constantFrom<unknown[]>(1, 1, 1, 2, "1", null, { a: 1, b: 2 }, { b: 2, a: 1 });
const metadata: fc.Arbitrary<PlannedMetadata> = fc.oneof(
  { weight: 7, arbitrary: fc.record({ f: value, g: value }) },
  { weight: 1, arbitrary: fc.record({ f: value }) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const rule: fc.Arbitrary<PlannedRule> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom<PlannedRule["type"][]>("Concurrency", "Concurency"),
      kind,
      fields,
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("Capacity" as const),
      kind,
      fields,
      limit: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("Rate" as const),
      kind,
      fields,
      limit: fc.integer({ min: 2, max: 5 }),
    }),
  },
);
const rules = fc.array(rule, { maxLength: 2 });
const edgeKinds = [
  {},
  { requires_success: true },
  { condition: "always" },
  { condition: "on_success" },
  { condition: "on_failure" },
];

const task: fc.Arbitrary<PlannedTask> = fc
  .record<PlannedTask>({
    kind,
    metadata,
    rules: fc.oneof(
      { weight: 4, arbitrary: fc.array(rule, { minLength: 1, maxLength: 3 }) },
      { weight: 1, arbitrary: fc.constant([]) },
    ),
    expected: fc.option(fc.integer({ min: 0, max: 5 })),
    priority: fc.integer({ min: -2, max: 2 }),
    when: fc.constantFrom<PlannedTask["when"][]>("now", "now", "now", "now", "now", "now", "delay", "run_at"),
    retries: fc.constantFrom(0, 0, 1),
    edges: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      {
        weight: 1,
        arbitrary: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...edgeKinds)), { minLength: 1, maxLength: 2 }),
      },
    ),
    manner: fc.constantFrom(...manners),
  })
  .map(counting)
  .map(oneTimer);

/** A task that is created with a Capacity rule must say how much it expects. */
function counting(one: PlannedTask): PlannedTask {
  return one.expected === null && one.rules.some(({ type }) => type === "Capacity") ? { ...one, expected: 2 } : one;
}

/** Two timers of one task within two seconds wait for a sweep, which these runs have none of. */
function oneTimer(one: PlannedTask): PlannedTask {
  const manner = one.when !== "now" && (one.manner === "fail" || one.manner === "defer") ? "ok" : one.manner;
  return { ...one, manner, retries: one.when === "now" && manner !== "defer" ? one.retries : 0 };
}

const simple = (
  ...whats: ("succeed" | "fail" | "cancel" | "pause" | "resume" | "create" | "stop" | "pauseAll" | "resumeAll")[]
) => fc.constantFrom(...whats).map((what): Command => ({ what }));
const count: fc.Arbitrary<Command> = fc.record({
  what: fc.constant("count" as const),
  value: fc.tuple(fc.nat(4), fc.nat(1)).map(([s, f]) => [s + 1, f] as const),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: simple("succeed", "succeed", "fail") },
  { weight: 4, arbitrary: simple("cancel", "pause", "resume") },
  { weight: 2, arbitrary: simple("create") },
  { weight: 1, arbitrary: simple("stop", "pauseAll", "resumeAll") },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("metadata" as const), value: metadata }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("priority" as const), value: fc.integer({ min: -3, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("expect" as const), value: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 4, arbitrary: count },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("rules" as const), kind, value: rules }) },
);

const mixed: fc.Arbitrary<Plan> = fc.record({
  batches: fc.array(fc.array(task, { minLength: 3, maxLength: 8 }), { minLength: 1, maxLength: 3 }),
  steps: fc.array(
    fc.tuple(command, fc.nat(), fc.boolean()).map(([what, n, wait]): Step => ({ ...what, n, wait })),
    { minLength: 4, maxLength: 16 },
  ),
});

/** All want the same capacity, and little happens but progress: else that is rarely what somebody waits for. */
const working: fc.Arbitrary<Plan> = fc.record({
  batches: fc.array(
    fc.array(
      fc
        .tuple(task, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }))
        .map(([{ priority }, limit, expected]): PlannedTask => {
          const rules = [{ type: "Capacity" as const, kind: 0, fields: [], limit }];
          const plain = { kind: 0, metadata: null, when: "now", retries: 0, edges: [], manner: "ok" } as const;
          return { ...plain, priority, expected, rules };
        }),
      { minLength: 4, maxLength: 8 },
    ),
    { minLength: 1, maxLength: 2 },
  ),
  steps: fc.array(
    fc.tuple(count, fc.nat()).map(([what, n]): Step => ({ ...what, n, wait: true })),
    { minLength: 2, maxLength: 6 },
  ),
});

export const plan: fc.Arbitrary<Plan> = fc.oneof({ weight: 7, arbitrary: mixed }, { weight: 1, arbitrary: working });
