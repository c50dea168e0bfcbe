// Why the task is where it is: waiting for what, for whose word, or failed of what. One sentence each, most decisive first.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Task } from "../../../sdk/client.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { isFinalState } from "../../data/states.ts";
import { useStore } from "../../data/store.ts";
import { reasonsOf } from "../../data/why.ts";
import { Pieces, TaskLink } from "../../parts/links.tsx";
import { Shape } from "../../parts/state.tsx";
import { promptOf } from "./acts.tsx";

const shownMax = 8;

export function TaskWhy({ task }: { readonly task: Task }) {
  const isAllowed = mayOperate(useStore(whoami));
  if (task.status === "Failure") return <Ended task={task} look="fail" />;
  if (isFinalState(task.status)) return task.failure_reason === null ? null : <Ended task={task} look="" />;
  const prompt = task.status === "Running" && task.start_kind === "Wait" ? promptOf(task) : undefined;
  if (prompt !== undefined)
    return (
      <section className="note warn" aria-label="What it waits for">
        <Shape state="Running" />
        <div>
          <p>
            <strong>It waits for somebody's word.</strong> {prompt}
          </p>
          <p className="soft">Approve or refuse it above. Until then it holds its slots.</p>
        </div>
      </section>
    );
  const reasons = reasonsOf(task.blocked_by ?? []);
  if (reasons.length === 0) return null;
  return (
    <section className="note warn" aria-label="Why it waits">
      <Shape state={task.status} />
      <div>
        {reasons.map(({ title, said, tasks }) => (
          <div key={title}>
            <p>
              <strong>{title}</strong> <Pieces pieces={said} />
            </p>
            {tasks.length > 0 && (
              <p className="soft row wrap" style={{ gap: "2px 12px" }}>
                {title.includes("slot") && "It can start when one of these ends:"}
                {tasks.slice(0, shownMax).map((id) => (
                  <TaskLink key={id} id={id} />
                ))}
                {tasks.length > shownMax && ` and ${tasks.length - shownMax} more`}
              </p>
            )}
          </div>
        ))}
      </div>
      {isAllowed && (task.blocked_by ?? []).some(({ type }) => type === "rule") && (
        <Link
          className="btn"
          to="/batches/$id/{-$tab}"
          params={{ id: task.batch_id, tab: "tasks" }}
          search={{ task: task.id, rules: task.kind }}
        >
          Edit rules…
        </Link>
      )}
    </section>
  );
}

/** A failure that came from a parent leads to the task that failed by itself. */
function Ended({ task, look }: { readonly task: Task; readonly look: string }) {
  const reason = task.failure_reason ?? "no reason was given";
  const isOfParent = reason.startsWith("Required parent task");
  const batch = useQuery({
    ...{ queryKey: ["batch", task.batch_id], enabled: isOfParent },
    queryFn: () => baton().batch(task.batch_id),
  });
  const first = batch.data?.first_failure;
  return (
    <section className={`note ${look}`} aria-label="Why it ended so">
      <Shape state={task.status} />
      <div>
        <p>
          <strong>{isOfParent ? "It did not fail by itself." : `${task.status}.`}</strong> <code>{reason}</code>
        </p>
        {isOfParent && first && (
          <p className="soft">
            First failed: <TaskLink id={first.task_id} name={first.name} />, <code>{first.reason}</code>
          </p>
        )}
      </div>
    </section>
  );
}
