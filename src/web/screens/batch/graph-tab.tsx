// The graph of a batch, as it is or grouped by kind or level, with the selected task beside it.
import { getRouteApi } from "@tanstack/react-router";
import { useMemo, useSyncExternalStore } from "react";
import type { BatchStore } from "../../data/batch-store.ts";
import { countText, durationText } from "../../data/format.ts";
import { useHistory } from "../../data/history.ts";
import { states } from "../../data/states.ts";
import { criticalPath } from "../../graph/critical.ts";
import { Graph } from "../../graph/graph.tsx";
import type { GroupBy, Grouped } from "../../graph/group.ts";
import { useGrouped } from "../../graph/use-grouped.ts";
import { useSelected } from "./selected.ts";
import { Side } from "./side.tsx";
import type { TabProps } from "./tab-props.ts";

const route = getRouteApi("/batches/$id/{-$tab}");

interface Change {
  readonly hide?: string | undefined;
  readonly q?: string | undefined;
  readonly path?: string | undefined;
  readonly group?: string | undefined;
  readonly task?: string | undefined;
}

export function GraphTab({ batch, store, ask }: TabProps) {
  const { hide, q, path: wanted, group } = route.useSearch();
  const navigate = route.useNavigate();
  const { place, select, open, id } = useSelected(batch, store);
  const put = (change: Change) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true, resetScroll: false });
  const by = group === "kind" || group === "level" ? group : undefined;
  const { shown, grouped } = useGrouped(store, by);
  const isCritical = wanted === "critical" && by === undefined;
  const path = useCritical(batch.batch_id, store, isCritical);
  const togglePath = () => put({ path: isCritical ? undefined : "critical", group: undefined });
  return (
    <div className={id === undefined ? "split whole" : "split"}>
      <Graph
        key={by ?? "each"}
        store={shown}
        selected={grouped === undefined ? place : (grouped.groupOf[place] ?? -1)}
        hide={hide === "success"}
        q={q ?? ""}
        path={isCritical ? path : undefined}
        onSelect={(at) => select(grouped === undefined ? at : memberOf(grouped, store, at))}
        onOpen={(at) => {
          if (grouped === undefined) open(at);
          else put({ group: undefined, task: store.ids[memberOf(grouped, store, at)] });
        }}
        onHide={(isHidden) => put({ hide: isHidden ? "success" : undefined })}
        onSearch={(text) => put({ q: text || undefined })}
        keys={{ c: togglePath }}
        more={
          <>
            <button
              type="button"
              className={isCritical ? "btn on" : "btn"}
              aria-pressed={isCritical}
              title="What the batch waited for, from its end back to its beginning (c)"
              onClick={togglePath}
            >
              Critical path
            </button>
            <GroupChoice by={by} onChange={(next) => put({ group: next, path: undefined })} />
            {isCritical && <span className="soft">{pathText(store, path)}</span>}
          </>
        }
      />
      {id !== undefined && <Side id={id} ask={ask} />}
    </div>
  );
}

const GroupChoice = ({ by, onChange }: GroupChoiceProps) => (
  <select
    className="field"
    aria-label="Group tasks"
    value={by ?? ""}
    onChange={(event) => onChange((event.target.value || undefined) as GroupBy | undefined)}
  >
    <option value="">Each task</option>
    <option value="kind">By kind</option>
    <option value="level">By level</option>
  </select>
);

interface GroupChoiceProps {
  readonly by: GroupBy | undefined;
  readonly onChange: (by: GroupBy | undefined) => void;
}

/** Of a group the task to look at: the first that is as the group is shown. */
function memberOf({ groupOf }: Grouped, store: BatchStore, at: number): number {
  if (at < 0) return -1;
  const members = Array.from(groupOf.keys()).filter((v) => groupOf[v] === at);
  const wanted = (["Failure", "Running"] as const).map((state) => states.indexOf(state));
  return (
    wanted.map((state) => members.find((v) => store.state[v] === state)).find((v) => v !== undefined) ??
    members[0] ??
    -1
  );
}

function useCritical(batchId: string, store: BatchStore, isWanted: boolean): readonly number[] {
  useHistory(batchId, store, isWanted && !store.isFull);
  const version = useSyncExternalStore(store.subscribe, store.getVersion);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for the times in the store.
  return useMemo(() => (isWanted ? criticalPath(store) : []), [store, version, isWanted]);
}

function pathText({ started, ended }: BatchStore, path: readonly number[]): string {
  const [first, last] = [path[0], path.at(-1)];
  if (first === undefined || last === undefined) return "nothing has started yet";
  const until = ended[last] || Date.now();
  const ran = path.reduce((sum, v) => sum + ((ended[v] || until) - (started[v] ?? until)), 0);
  return `${countText(path.length, "task")}: ${durationText(ran)} at work, of ${durationText(until - (started[first] ?? until))}`;
}
