// What the changes of a turn mean for the rules: which tasks hold slots from now on or no more, which admission queues got a
// task, and which tasks belong to another queue. Compares the rows with what they were; decides nothing.
import { holdsSlots, isFinal, isReady, type TaskRow, unruledQueue } from "#domain/row";
import { type Judged, loadOf } from "#domain/rules/admit";
import type { TurnState } from "#domain/turn/state";

/** What a turn changes of slots and queues. */
export interface SlotChanges {
  readonly enters: readonly { readonly task: string; readonly key: string }[];
  /** Tasks that free their slots. */
  readonly leaves: readonly string[];
  /** Active tasks whose counts changed. */
  readonly moved: readonly string[];
  /** Active tasks whose metadata changed. */
  readonly recharged: readonly string[];
  /** Tasks whose rules, or the values that these compare, changed. */
  readonly requeued: readonly string[];
  /** Tasks that may be claimed now. */
  readonly fills: readonly {
    readonly queue: number;
    readonly priority: number;
    readonly since: Date;
    readonly pos: number;
  }[];
  /** What a claim round found out about queues. */
  readonly judged: readonly Judged[];
}

export function slotChanges(state: TurnState): SlotChanges {
  const changed = [...state.changed].map((row) => ({ row, before: state.before.get(row.id) ?? row }));
  // Only a claim takes slots, and it knows its keys: a late answer finds those of its task taken.
  const enters = changed.filter(({ row, before }) => holdsSlots(row) && !holdsSlots(before)).map(({ row }) => row.id);
  // Their keys are made of what this turn writes.
  const hasOther = (id: string) => state.specs.get(id)?.metadata !== undefined;
  const holding = changed.filter(({ row, before }) => holdsSlots(row) && holdsSlots(before));
  return {
    enters: enters
      .filter((id) => !hasOther(id))
      .flatMap((task) => (state.keys.get(task) ?? []).map((key) => ({ task, key }))),
    leaves: state.hasKeyTemplates
      ? changed.filter(({ row, before }) => holdsSlots(before) && !holdsSlots(row)).map(({ row }) => row.id)
      : [],
    moved: holding.filter(({ row, before }) => loadOf(row) !== loadOf(before)).map(({ row }) => row.id),
    recharged: changed.filter(({ row }) => holdsSlots(row) && hasOther(row.id)).map(({ row }) => row.id),
    requeued: changed.filter(({ row, before }) => isRequeued(state, row, before)).map(({ row }) => row.id),
    fills: changed
      .filter(
        ({ row, before }) =>
          row.queue !== unruledQueue && isReady(row) && !(isReady(before) && row.priority <= before.priority),
      )
      .map(({ row: { queue, priority, createdAt: since, pos } }) => ({ queue, priority, since, pos })),
    judged: state.judged,
  };
}

/** What a turn changes of the starts that Rates count, and of the windows that queues wait for. */
export const rateChanges = ({ starts, givenBack, judged, openedWindows: opened }: TurnState) => ({
  starts: starts.flatMap(({ claimId, rates }) => rates.map(({ template, key }) => ({ claimId, template, key }))),
  givenBack,
  waitedFor: judged.flatMap(({ waitsFor }) => waitsFor ?? []),
  opened,
});

function isRequeued(state: TurnState, row: TaskRow, before: TaskRow): boolean {
  if (state.ruled.has(row.id)) return true;
  // In doubt it waits for no slot that it holds; whether it has rules is not known from queue 0.
  if (state.hasKeyTemplates && row.inDoubt !== before.inDoubt && !isFinal(row.status)) return true;
  if (row.queue === unruledQueue && !row.inDoubt) return false;
  return (
    state.specs.get(row.id)?.metadata !== undefined || (row.expectedCount === null) !== (before.expectedCount === null)
  );
}
