// What can be done with a task in its state. A gate is opened or refused; anything unfinished can be overridden, with a reason.
import { useNavigate } from "@tanstack/react-router";
import { Check, Pause, Play, RotateCcw, Square, Timer, X } from "lucide-react";
import type { Task, TaskOverride } from "../../../sdk/client.ts";
import { queries } from "../../data/queries.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { isFinalState } from "../../data/states.ts";
import { useStore } from "../../data/store.ts";
import type { Act } from "../../parts/act.tsx";
import { ActMenu } from "../../parts/menu.tsx";
import { say } from "../../parts/toast.tsx";

interface Props {
  readonly task: Task;
  readonly ask: (act: Act) => void;
}

const again = async (): Promise<void> => {
  await queries.invalidateQueries({ queryKey: ["task"] });
  await queries.invalidateQueries({ queryKey: ["batch"] });
};

export const promptOf = ({ actions }: Task): string | undefined => {
  const start = actions.find(({ kind, trigger }) => kind === "Wait" && trigger === "Start");
  return start && String((start.params as { prompt?: unknown }).prompt ?? "Waits for somebody's word.");
};

export function TaskActs({ task, ask }: Props) {
  const isAllowed = mayOperate(useStore(whoami));
  if (!isAllowed) return <span className="tag">Your token may look only</span>;
  if (isFinalState(task.status)) return <RerunFrom task={task} ask={ask} />;
  const isGate = task.start_kind === "Wait" && task.status === "Running";
  return (
    <>
      {isGate && <Gate task={task} ask={ask} />}
      <Holds task={task} ask={ask} />
      <button type="button" className="btn bad" onClick={() => ask(cancelAct(task))}>
        <Square size={13} aria-hidden="true" /> Cancel
      </button>
      <ActMenu
        label="More actions of the task"
        items={(["Success", "Failure", "Skipped"] as const).map((status) => ({
          label: `Override: ${status}`,
          run: () => ask(overrideAct(task, status)),
        }))}
      >
        More
      </ActMenu>
    </>
  );
}

function Holds({ task, ask }: Props) {
  const { id, name, status } = task;
  const isEarly = status === "Waiting" || status === "Pending" || status === "Retrying";
  const isTimed = (task.blocked_by ?? []).some(({ type }) => type === "run_at" || type === "backoff");
  const act = (verb: string, about: string, call: (reason: string) => Promise<unknown>, hasReason = true): Act => ({
    ...{ title: `${verb} ${name}?`, verb, about, ...(hasReason ? { reason: "may" as const } : {}) },
    run: async (reason) => {
      await call(reason);
      await again();
    },
  });
  return (
    <>
      {isTimed && (
        <button
          type="button"
          className="btn"
          onClick={() =>
            ask(
              act(
                "Run now",
                "It starts as soon as nothing else holds it.",
                () => baton().patch(id, { run_at: new Date().toISOString() }),
                false,
              ),
            )
          }
        >
          <Timer size={14} aria-hidden="true" /> Run now
        </button>
      )}
      {isEarly && (
        <button
          type="button"
          className="btn"
          onClick={() =>
            ask(act("Pause", "It does not start until somebody resumes it.", (reason) => baton().pause(id, reason)))
          }
        >
          <Pause size={14} aria-hidden="true" /> Pause
        </button>
      )}
      {status === "Paused" && (
        <button
          type="button"
          className="btn first"
          onClick={() => ask(act("Resume", "It goes on where it was.", (reason) => baton().resume(id, reason)))}
        >
          <Play size={14} aria-hidden="true" /> Resume
        </button>
      )}
    </>
  );
}

function Gate({ task, ask }: Props) {
  const prompt = promptOf(task) ?? "";
  const decide = (isApproved: boolean): Act => ({
    ...{
      title: isApproved ? "Approve?" : "Refuse?",
      verb: isApproved ? "Approve" : "Refuse",
      isDangerous: !isApproved,
    },
    about: prompt,
    reason: isApproved ? "may" : "must",
    run: async (reason) => {
      const word: TaskOverride = {
        status: isApproved ? "Success" : "Failure",
        reason: reason || "Approved in the console",
      };
      await baton().override(task.id, word);
      say(isApproved ? "Approved." : "Refused.");
      await again();
    },
  });
  return (
    <>
      <button type="button" className="btn first" onClick={() => ask(decide(true))}>
        <Check size={14} aria-hidden="true" /> Approve
      </button>
      <button type="button" className="btn bad" onClick={() => ask(decide(false))}>
        <X size={14} aria-hidden="true" /> Refuse
      </button>
    </>
  );
}

const cancelAct = ({ id, name }: Task): Act => ({
  ...{ title: `Cancel ${name}?`, verb: "Cancel the task", isDangerous: true, reason: "may" },
  about:
    "It ends in Canceled, its service is told to stop, and what needs it fails or is skipped. This cannot be undone.",
  run: async (reason) => {
    await baton().cancel(id, reason);
    say(`Canceled ${name}.`);
    await again();
  },
});

const overrideAct = ({ id, name }: Task, status: TaskOverride["status"]): Act => ({
  ...{ title: `Say that ${name} ended in ${status}?`, verb: `Override: ${status}`, isDangerous: true, reason: "must" },
  about: "Everything follows as if its service had said so. It is not tried again, and this cannot be undone.",
  run: async (reason) => {
    await baton().override(id, { status, reason });
    say(`${name} ended in ${status}.`);
    await again();
  },
});

/** Of a task that has ended: it and what depends on it, once its batch is complete. */
function RerunFrom({ task, ask }: Props) {
  const navigate = useNavigate();
  const act: Act = {
    ...{ title: `Rerun from ${task.name}?`, verb: "Rerun from here" },
    about: "It and everything that depends on it run again, as a new batch. Its batch must be complete.",
    run: async () => {
      const { batchId, tasks } = await baton().rerun(task.batch_id, { from: [task.id] });
      say(`${tasks.length} ${tasks.length === 1 ? "task runs" : "tasks run"} again, in a new batch.`);
      await navigate({ to: "/batches/$id/{-$tab}", params: { id: batchId, tab: undefined }, search: {} });
    },
  };
  return (
    <button type="button" className="btn" onClick={() => ask(act)}>
      <RotateCcw size={14} aria-hidden="true" /> Rerun from here
    </button>
  );
}
