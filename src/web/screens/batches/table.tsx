// Batches as rows: the bar tells most of it. The whole row is a link by its name.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ListedBatch } from "../../../sdk/client.ts";
import { numberText } from "../../data/format.ts";
import { baton } from "../../data/session.ts";
import { countsOf } from "../../data/states.ts";
import { Bar } from "../../parts/bar.tsx";
import { TaskLink } from "../../parts/links.tsx";
import { scrolls } from "../../parts/scroll.ts";
import { BatchState } from "../../parts/state.tsx";
import { Time, Took } from "../../parts/time.tsx";
import { nameOf } from "./name.ts";

const BatchLink = ({ batch }: { readonly batch: ListedBatch }) => (
  <Link
    className="strong cut"
    to="/batches/$id/{-$tab}"
    params={{ id: batch.batch_id, tab: undefined }}
    title={batch.batch_id}
  >
    {nameOf(batch)}
  </Link>
);

export function BatchTable({ batches, label }: { readonly batches: readonly ListedBatch[]; readonly label: string }) {
  return (
    <div {...scrolls}>
      <table className="grid" aria-label={label}>
        <thead>
          <tr>
            <th scope="col">Batch</th>
            <th scope="col">State</th>
            <th scope="col" style={{ minWidth: 150 }}>
              Tasks
            </th>
            <th scope="col" className="right">
              Ended
            </th>
            <th scope="col" className="right hide-phone">
              Created
            </th>
            <th scope="col" className="right">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {batches.map((batch) => (
            <Row key={batch.batch_id} batch={batch} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ batch }: { readonly batch: ListedBatch }) {
  const counts = batch.status_counts;
  const done = counts.success + counts.failure + counts.canceled + counts.skipped;
  return (
    <tr>
      <td className="cut">
        <BatchLink batch={batch} />
      </td>
      <td>
        <BatchState status={batch.status} failed={counts.failure} />
      </td>
      <td>
        <Bar counts={countsOf(counts)} />
      </td>
      <td className="right num soft">
        {numberText(done)} / {numberText(batch.total_tasks)}
      </td>
      <td className="right hide-phone">
        <Time at={batch.created_at} />
      </td>
      <td className="right soft">
        <Took from={batch.created_at} to={batch.completed_at} />
      </td>
    </tr>
  );
}

/** Failed batches with what failed first: its reason is asked for, once, since it does not change. */
export function FailureTable({ batches }: { readonly batches: readonly ListedBatch[] }) {
  return (
    <div {...scrolls}>
      <table className="grid" aria-label="Failed batches">
        <thead>
          <tr>
            <th scope="col">Batch</th>
            <th scope="col" className="hide-phone" style={{ minWidth: 130 }}>
              Tasks
            </th>
            <th scope="col">First failure</th>
            <th scope="col" className="right">
              When
            </th>
          </tr>
        </thead>
        <tbody>
          {batches.map((batch) => (
            <FailureRow key={batch.batch_id} batch={batch} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function FailureRow({ batch }: { readonly batch: ListedBatch }) {
  const { data } = useQuery({
    queryKey: ["batch", batch.batch_id],
    queryFn: () => baton().batch(batch.batch_id),
    staleTime: batch.completed_at === null ? 5_000 : Number.POSITIVE_INFINITY,
  });
  const first = data?.first_failure;
  return (
    <tr>
      <td className="cut">
        <BatchLink batch={batch} />
      </td>
      <td className="hide-phone">
        <Bar counts={countsOf(batch.status_counts)} />
      </td>
      <td className="cut">
        {first && (
          <>
            <TaskLink id={first.task_id} name={first.name} /> <span className="soft">{first.reason}</span>
          </>
        )}
      </td>
      <td className="right">
        <Time at={first?.at ?? batch.completed_at} />
      </td>
    </tr>
  );
}
