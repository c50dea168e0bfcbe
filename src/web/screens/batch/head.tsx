// The head of a batch: its name, state and facts.
import { Link } from "@tanstack/react-router";
import type { Batch } from "../../../sdk/client.ts";
import { shortId } from "../../data/format.ts";
import type { Act } from "../../parts/act.tsx";
import { BatchState } from "../../parts/state.tsx";
import { Time, Took } from "../../parts/time.tsx";
import { BatchActs } from "./acts.tsx";

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
      <BatchActs batch={batch} name={name} ask={ask} />
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
