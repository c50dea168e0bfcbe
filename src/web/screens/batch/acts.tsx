// What can be done with a batch in its state: hold it, stop it, run it again, change its rules, take it along. A token that may
// only look may export.
import { useNavigate } from "@tanstack/react-router";
import { Download, Pause, Play, RotateCcw, SlidersHorizontal, Square } from "lucide-react";
import type { Batch, Rerun } from "../../../sdk/client.ts";
import { countText, numberText } from "../../data/format.ts";
import { queries } from "../../data/queries.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import type { Act } from "../../parts/act.tsx";
import { errorText } from "../../parts/error-text.ts";
import { ActMenu } from "../../parts/menu.tsx";
import { say } from "../../parts/toast.tsx";
import type { Format } from "./export/export.ts";

interface Props {
  readonly batch: Batch;
  readonly name: string;
  readonly ask: (act: Act) => void;
}

const exports: readonly (readonly [Format, string])[] = [
  ["html", "Export for a ticket (HTML)"],
  ["csv", "Export the tasks (CSV)"],
  ["json", "Export as JSON"],
];

export function BatchActs({ batch, name, ask }: Props) {
  const isAllowed = mayOperate(useStore(whoami));
  const navigate = useNavigate();
  const editRules = () =>
    void navigate({ to: ".", search: (old) => ({ ...old, rules: batch.kinds[0] }), replace: true, resetScroll: false });
  const { run, rerun } = useActs(batch, name, ask);
  const again = notSucceeded(batch);
  const isComplete = batch.completed_at !== null;
  const changes = [
    {
      ...{ label: "Rerun all tasks", icon: <RotateCcw size={14} />, isDisabled: !isComplete },
      run: () => rerun({ only: "all" }, batch.total_tasks),
    },
    {
      ...{ label: "Rerun failed and what depends on it", icon: <RotateCcw size={14} /> },
      isDisabled: !isComplete || again === 0,
      run: () => rerun({ only: "failed", dependents: true }, again),
    },
    {
      ...{ label: "Edit rules…", icon: <SlidersHorizontal size={14} />, isDisabled: isComplete },
      run: editRules,
    },
  ];
  return (
    <div className="row wrap">
      {isAllowed ? (
        <Main batch={batch} run={run} onRerun={() => rerun({ only: "failed" }, again)} />
      ) : (
        <span className="tag">Your token may look only</span>
      )}
      <ActMenu
        label="More actions"
        items={[
          ...(isAllowed ? changes : []),
          ...exports.map(([format, label]) => ({
            ...{ label, icon: <Download size={14} /> },
            run: () => void exportAs(format, batch, name),
          })),
        ]}
      >
        More
      </ActMenu>
    </div>
  );
}

const notSucceeded = ({ status_counts: { failure, canceled, skipped } }: Batch): number => failure + canceled + skipped;

interface MainProps {
  readonly batch: Batch;
  readonly run: ReturnType<typeof useActs>["run"];
  readonly onRerun: () => void;
}

function Main({ batch, run, onRerun }: MainProps) {
  const isComplete = batch.completed_at !== null;
  const again = notSucceeded(batch);
  if (isComplete && again === 0) return null;
  if (isComplete)
    return (
      <button type="button" className="btn first" onClick={onRerun}>
        <RotateCcw size={14} aria-hidden="true" /> Rerun failed · {numberText(again)}
      </button>
    );
  return (
    <>
      {batch.status === "paused" ? (
        <button type="button" className="btn first" onClick={run.resume}>
          <Play size={14} aria-hidden="true" /> Resume
        </button>
      ) : (
        <button type="button" className="btn" onClick={run.pause}>
          <Pause size={14} aria-hidden="true" /> Pause
        </button>
      )}
      <button type="button" className="btn bad" onClick={run.stop}>
        <Square size={13} aria-hidden="true" /> Stop
      </button>
    </>
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

async function exportAs(format: Format, batch: Batch, name: string): Promise<void> {
  try {
    const { exportBatch } = await import("./export/export.ts");
    await exportBatch(batch, name, format);
  } catch (error) {
    say(errorText(error), true);
  }
}
