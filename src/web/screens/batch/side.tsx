// The selected task beside the graph: how it stands, why, what its service said, and what can be done.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Task, TaskAttempt } from "../../../sdk/client.ts";
import { baton } from "../../data/session.ts";
import { isFinalState } from "../../data/states.ts";
import { reasonsOf } from "../../data/why.ts";
import type { Act } from "../../parts/act.tsx";
import { Code } from "../../parts/code.tsx";
import { Pieces, TaskLink } from "../../parts/links.tsx";
import { Asked } from "../../parts/panel.tsx";
import { Shape, State } from "../../parts/state.tsx";
import { Time, Took } from "../../parts/time.tsx";
import { TaskActs } from "../task/acts.tsx";
import { attemptText } from "../task/attempt-text.ts";

export function Side({ id, ask }: { readonly id: string; readonly ask: (act: Act) => void }) {
  const task = useQuery({ queryKey: ["task", id], queryFn: () => baton().task(id) });
  const attempts = useQuery({ queryKey: ["task", id, "attempts"], queryFn: () => baton().attempts(id) });
  return (
    <aside className="panel side" aria-label="The selected task">
      <Asked query={task}>
        {(found) => (
          <>
            <header>
              <Shape state={found.status} />
              <h2 className="cut">{found.name}</h2>
              <span className="end">
                <Link className="link" to="/tasks/$id/{-$tab}" params={{ id, tab: undefined }}>
                  Open
                </Link>
              </span>
            </header>
            <div className="body" style={{ display: "flex", flexDirection: "column", gap: 12 }}>
              <Facts task={found} />
              <Waits task={found} />
              {found.failure_reason !== null && <Code value={found.failure_reason} label="The reason" />}
              {found.result !== null && <Code value={found.result} label="The result" />}
              <Attempts attempts={attempts.data ?? []} />
              <div className="row wrap">
                <TaskActs task={found} ask={ask} />
              </div>
            </div>
          </>
        )}
      </Asked>
    </aside>
  );
}

const Facts = ({ task }: { readonly task: Task }) => (
  <dl className="facts">
    <dt>State</dt>
    <dd className="row" style={{ gap: 6 }}>
      <State state={task.status} />
      {task.ended_at !== null && (
        <span className="soft">
          at <Time at={task.ended_at} />
        </span>
      )}
    </dd>
    <dt>Kind</dt>
    <dd>
      <code>{task.kind}</code>
    </dd>
    <dt>Attempt</dt>
    <dd>
      {task.attempt + 1}
      {task.retry && ` of ${task.retry.max_retries + 1}`}
    </dd>
    {task.started_at !== null && (
      <>
        <dt>Took</dt>
        <dd>
          <Took from={task.started_at} to={task.ended_at} />
        </dd>
      </>
    )}
    {task.expected_count !== null && (
      <>
        <dt>Progress</dt>
        <dd className="num">
          {task.success + task.failures} of {task.expected_count}
          {task.failures > 0 && `, ${task.failures} failed`}
        </dd>
      </>
    )}
  </dl>
);

function Waits({ task }: { readonly task: Task }) {
  const [first] = reasonsOf(task.blocked_by ?? []);
  if (isFinalState(task.status) || first === undefined) return null;
  return (
    <div className="note warn" style={{ display: "block" }}>
      <p>
        <strong>{first.title}</strong> <Pieces pieces={first.said} />
      </p>
      {first.tasks.length > 0 && (
        <p className="soft row wrap" style={{ gap: "0 8px" }}>
          {first.tasks.slice(0, 5).map((id) => (
            <TaskLink key={id} id={id} />
          ))}
        </p>
      )}
    </div>
  );
}

function Attempts({ attempts }: { readonly attempts: readonly TaskAttempt[] }) {
  if (attempts.length === 0) return null;
  return (
    <div>
      <p className="soft">Attempts</p>
      <ul>
        {attempts.slice(-6).map((attempt) => (
          <li key={attempt.claimed_at} className="row" style={{ padding: "3px 0" }}>
            <span>attempt {attempt.attempt + 1}</span>
            <span className="soft">
              <Time at={attempt.claimed_at} />
            </span>
            <span className="grow right mono cut" title={attemptText(attempt)}>
              {attemptText(attempt)}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
