// The head of a batch: its name, state and facts, and what can be done with it in this state.
import { Link, useNavigate } from "@tanstack/react-router";
import { Download, Pause, Play, RotateCcw, SlidersHorizontal, Square } from "lucide-react";
import type { Batch, Rerun } from "../../../sdk/client.ts";
import { countText, numberText, shortId } from "../../data/format.ts";
import { queries } from "../../data/queries.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import type { Act } from "../../parts/act.tsx";
import { ActMenu } from "../../parts/menu.tsx";
import { BatchState } from "../../parts/state.tsx";
import { Time, Took } from "../../parts/time.tsx";
import { say } from "../../parts/toast.tsx";

interface Props {
  readonly batch: Batch;
  readonly name: string;
  readonly ask: (act: Act) => void;
}

export function Head({ batch, name, ask }: Props) {
  return (
    <div className="row wrap" style={{ alignItems: "flex-start" }}>
      <div className="grow" style={{ minWidth: 260 }}>
        <div className="row wrap">
          <h1>{name}</h1>
          <BatchState status={batch.status} failed={batch.status_counts.failure} big />
          {batch.propagating && <span className="tag">still propagating</span>}
          {batch.open && <span className="tag">open: tasks may be added</span>}
        </div>
        <p className="soft">
          <Facts batch={batch} />
        </p>
      </div>
      <Acts batch={batch} name={name} ask={ask} />
    </div>
  );
}

function Facts({ batch }: { readonly batch: Batch }) {
  const { created_at, completed_at, created_by, rerun_of, deadline_at, schedule } = batch;
  return (
    <>
      Created <Time at={created_at} /> by{" "}
      {schedule ? (
        <Link className="link" to="/schedules/$name" params={{ name: schedule.name }}>
          schedule {schedule.name}
        </Link>
      ) : (
        <code>{created_by}</code>
      )}
      {completed_at === null ? (
        ", for "
      ) : (
        <>
          , ended <Time at={completed_at} /> after{" "}
        </>
      )}
      <Took from={created_at} to={completed_at} />.
      {deadline_at !== null && completed_at === null && (
        <>
          {" "}
          Stopped if not complete by <Time at={deadline_at} />.
        </>
      )}
      {rerun_of !== null && (
        <>
          {" "}
          Reruns{" "}
          <Link className="link" to="/batches/$id/{-$tab}" params={{ id: rerun_of, tab: undefined }}>
            {shortId(rerun_of)}
          </Link>
          .
        </>
      )}
    </>
  );
}

function Acts({ batch, name, ask }: Props) {
  const isAllowed = mayOperate(useStore(whoami));
  const navigate = useNavigate();
  const editRules = () =>
    void navigate({ to: ".", search: (old) => ({ ...old, rules: batch.kinds[0] }), replace: true, resetScroll: false });
  const { run, rerun } = useActs(batch, name, ask);
  const isComplete = batch.completed_at !== null;
  const { failure, canceled, skipped } = batch.status_counts;
  const again = failure + canceled + skipped;
  if (!isAllowed) return <span className="tag">Your token may look only</span>;
  return (
    <div className="row wrap">
      {!isComplete && batch.status !== "paused" && (
        <button type="button" className="btn" onClick={run.pause}>
          <Pause size={14} aria-hidden="true" /> Pause
        </button>
      )}
      {!isComplete && batch.status === "paused" && (
        <button type="button" className="btn first" onClick={run.resume}>
          <Play size={14} aria-hidden="true" /> Resume
        </button>
      )}
      {!isComplete && (
        <button type="button" className="btn bad" onClick={run.stop}>
          <Square size={13} aria-hidden="true" /> Stop
        </button>
      )}
      {isComplete && again > 0 && (
        <button type="button" className="btn first" onClick={() => rerun({ only: "failed" }, again)}>
          <RotateCcw size={14} aria-hidden="true" /> Rerun failed · {numberText(again)}
        </button>
      )}
      <ActMenu
        label="More actions"
        items={[
          {
            ...{ label: "Rerun all tasks", icon: <RotateCcw size={14} />, isDisabled: !isComplete },
            run: () => rerun({ only: "all" }, batch.total_tasks),
          },
          {
            ...{
              label: "Rerun failed and what depends on it",
              icon: <RotateCcw size={14} />,
              isDisabled: !isComplete || again === 0,
            },
            run: () => rerun({ only: "failed", dependents: true }, again),
          },
          {
            ...{ label: "Edit rules…", icon: <SlidersHorizontal size={14} />, isDisabled: isComplete },
            run: editRules,
          },
          { label: "Export as JSON", icon: <Download size={14} />, run: () => void exportBatch(batch) },
        ]}
      >
        More
      </ActMenu>
    </div>
  );
}

function useActs(batch: Batch, name: string, ask: (act: Act) => void) {
  const navigate = useNavigate();
  const id = batch.batch_id;
  const counts = batch.status_counts;
  const left = batch.total_tasks - counts.success - counts.failure - counts.canceled - counts.skipped;
  const again = () => queries.invalidateQueries({ queryKey: ["batch", id] });
  const simple = (
    verb: string,
    about: string,
    isDangerous: boolean,
    call: (reason: string) => Promise<unknown>,
  ): Act => ({
    ...{ title: `${verb} ${name}?`, about, verb, isDangerous, reason: "may" },
    run: async (reason) => {
      await call(reason);
      await again();
    },
  });
  const run = {
    pause: () =>
      ask(
        simple(
          "Pause",
          `Nothing more of it starts. What runs goes on: ${countText(counts.running + counts.claimed, "task")}.`,
          false,
          async (reason) => say(`Paused ${countText(await baton().pauseBatch(id, reason), "task")}.`),
        ),
      ),
    resume: () =>
      ask(
        simple(
          "Resume",
          "What the batch paused goes on. A task that was paused by itself stays.",
          false,
          async (reason) => say(`Resumed ${countText(await baton().resumeBatch(id, reason), "task")}.`),
        ),
      ),
    stop: () =>
      ask({
        ...simple(
          "Stop",
          `${countText(left, "unfinished task")} will be canceled, and services that work are told to stop. This cannot be undone; it can be rerun.`,
          true,
          async (reason) => {
            await baton().stop(id, reason);
            say("Stopped.");
          },
        ),
        verb: `Stop ${countText(left, "task")}`,
      }),
  };
  const rerun = (what: Rerun, count: number) =>
    ask({
      ...{ title: `Rerun ${name}?`, verb: what.dependents ? "Rerun" : `Rerun ${countText(count, "task")}` },
      about: rerunText(what, count, batch.total_tasks),
      run: async () => {
        const { batchId, tasks } = await baton().rerun(id, what);
        if (tasks.length === 0) return say("Nothing is left to run again.");
        say(`${countText(tasks.length, "task runs", "tasks run")} again, in a new batch.`);
        await navigate({ to: "/batches/$id/{-$tab}", params: { id: batchId, tab: undefined }, search: {} });
      },
    });
  return { run, rerun };
}

function rerunText({ only, dependents }: Rerun, count: number, total: number): string {
  if (only === "all") return `All ${numberText(total)} tasks run again, as a new batch. This one stays as it is.`;
  const more = dependents ? ", and with them what depends on them though it succeeded" : "";
  return `${countText(count, "task that did", "tasks that did")} not succeed run${count === 1 ? "s" : ""} again as a new batch${more}. What succeeded counts as done. This batch stays as it is.`;
}

/** What a ticket needs: the batch and its tasks as they stand. */
async function exportBatch(batch: Batch): Promise<void> {
  const dag = await baton().dag(batch.batch_id);
  const url = URL.createObjectURL(new Blob([JSON.stringify({ batch, ...dag }, null, 2)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `batch-${batch.batch_id}.json`;
  link.click();
  URL.revokeObjectURL(url);
}
