// The overview of a task: the way it took through its states, its attempts, what it gave, its facts and its neighbours.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Task } from "../../../sdk/client.ts";
import { durationText, numberText } from "../../data/format.ts";
import { baton } from "../../data/session.ts";
import { Code, Id } from "../../parts/code.tsx";
import { Asked, Panel } from "../../parts/panel.tsx";
import { Time, Took } from "../../parts/time.tsx";
import { Attempts } from "./attempts.tsx";
import { CopyAs } from "./copy/copy.tsx";
import { Family } from "./family.tsx";
import { Inputs } from "./inputs.tsx";
import { Spent } from "./spent.tsx";
import { Way } from "./way.tsx";

export function TaskOverview({ task }: { readonly task: Task }) {
  const events = useQuery({ queryKey: ["task", task.id, "events"], queryFn: () => baton().events(task.id) });
  const hasMetadata = task.metadata !== null && Object.keys(task.metadata).length > 0;
  return (
    <div className="split" style={{ flex: "none", minHeight: 0, alignItems: "start" }}>
      <div style={{ display: "flex", flexDirection: "column", gap: 14, minWidth: 0 }}>
        {task.expected_count !== null && <Progress task={task} />}
        <Asked query={events}>
          {(found) => (
            <>
              <Way task={task} events={found} />
              <Spent task={task} events={found} />
            </>
          )}
        </Asked>
        <Attempts id={task.id} />
        <Inputs task={task} />
        {task.result !== null && (
          <Panel title="Result">
            <div className="body">
              <Code value={task.result} label="The result" />
            </div>
          </Panel>
        )}
        {hasMetadata && (
          <Panel title="Metadata">
            <div className="body">
              <Code value={task.metadata} label="The metadata" />
            </div>
          </Panel>
        )}
      </div>
      <div style={{ display: "flex", flexDirection: "column", gap: 14, minWidth: 0 }}>
        <Facts task={task} />
        <Family task={task} />
        <CopyAs task={task} />
      </div>
    </div>
  );
}

/** What was counted, how fast, and when it would be done at that rate. */
function Progress({ task }: { readonly task: Task }) {
  const { success, failures, expected_count: expected, started_at, ended_at, last_updated } = task;
  const done = success + failures;
  const total = Math.max(1, expected ?? 1);
  const ms = started_at === null ? 0 : Date.parse(ended_at ?? last_updated) - Date.parse(started_at);
  const rate = ms > 0 ? done / (ms / 1_000) : 0;
  const left = rate > 0 && ended_at === null ? ((total - done) / rate) * 1_000 : 0;
  return (
    <Panel
      title="Progress"
      more={`${numberText(done)} of ${numberText(total)}${failures > 0 ? `, ${numberText(failures)} failed` : ""}`}
    >
      <div className="body" style={{ display: "flex", flexDirection: "column", gap: 8 }}>
        <div className="bar" role="img" aria-label={`${Math.round((done / total) * 100)} % done`}>
          <i style={{ "--c": "var(--success)", flex: success } as never} />
          <i style={{ "--c": "var(--failure)", flex: failures, minWidth: failures > 0 ? 2 : 0 } as never} />
          <span style={{ flex: Math.max(0, total - done) }} />
        </div>
        {rate > 0 && (
          <span className="soft">
            {rate.toFixed(rate < 10 ? 1 : 0)} a second{left > 0 && `, done in about ${durationText(left)} at this rate`}
          </span>
        )}
      </div>
    </Panel>
  );
}

function Facts({ task }: { readonly task: Task }) {
  const start = task.actions.find(({ trigger }) => trigger === "Start");
  const { url, verb, subject } = (start?.params ?? {}) as {
    readonly url?: string;
    readonly verb?: string;
    readonly subject?: string;
  };
  return (
    <Panel title="Facts">
      <dl className="facts body">
        <dt>Batch</dt>
        <dd>
          <Link
            className="link"
            to="/batches/$id/{-$tab}"
            params={{ id: task.batch_id, tab: undefined }}
            search={{ task: task.id }}
          >
            see it in the graph
          </Link>
        </dd>
        <dt>Local id</dt>
        <dd>
          <code>{task.local_id}</code>
        </dd>
        <dt>Id</dt>
        <dd>
          <Id id={task.id} />
        </dd>
        <dt>Starts by</dt>
        <dd>
          {start === undefined ? (
            "nothing: it only joins"
          ) : (
            <code>{url ? `${(verb ?? "").toUpperCase()} ${url}` : (subject ?? start.kind)}</code>
          )}
        </dd>
        <dt>Created</dt>
        <dd>
          <Time at={task.created_at} />
        </dd>
        <dt>Claimed</dt>
        <dd>
          <Time at={task.started_at} />
        </dd>
        <dt>Ended</dt>
        <dd>
          <Time at={task.ended_at} />
        </dd>
        <dt>Took</dt>
        <dd>
          <Took from={task.started_at} to={task.ended_at} />
        </dd>
        <dt>Timeout</dt>
        <dd>{durationText(task.timeout * 1_000)} without a sign of life</dd>
        <dt>Retry</dt>
        <dd>{task.retry === null ? "none" : `${task.attempt} of ${task.retry.max_retries} used`}</dd>
      </dl>
    </Panel>
  );
}
