// Batches as rows: the bar tells most of it. The whole row is a link by its name.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ListedBatch } from "../../../sdk/client.ts";
import { numberText } from "../../data/format.ts";
import { baton } from "../../data/session.ts";
import { countsOf } from "../../data/states.ts";
import { Bar } from "../../parts/bar.tsx";
import { TaskLink } from "../../parts/links.tsx";
import { type Column, Table } from "../../parts/lists/table.tsx";
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

const doneOf = ({ status_counts: { success, failure, canceled, skipped } }: ListedBatch): number =>
  success + failure + canceled + skipped;

const columns: readonly Column<ListedBatch>[] = [
  { head: "Batch", cell: (batch) => <BatchLink batch={batch} />, isCut: true },
  {
    head: "State",
    cell: ({ status, status_counts }) => <BatchState status={status} failed={status_counts.failure} />,
  },
  { head: "Tasks", cell: ({ status_counts }) => <Bar counts={countsOf(status_counts)} />, minWidth: 150 },
  {
    head: "Ended",
    cell: (batch) => `${numberText(doneOf(batch))} / ${numberText(batch.total_tasks)}`,
    isRight: true,
  },
  { head: "Created", cell: ({ created_at }) => <Time at={created_at} />, isRight: true, isWide: true },
  {
    head: "Took",
    cell: ({ created_at, completed_at }) => <Took from={created_at} to={completed_at} />,
    isRight: true,
  },
];

export const BatchTable = ({
  batches,
  label,
}: {
  readonly batches: readonly ListedBatch[];
  readonly label: string;
}) => <Table label={label} rows={batches} columns={columns} keyOf={({ batch_id }) => batch_id} />;

/** Failed batches with what failed first: its reason is asked for, once, since it does not change. */
export const FailureTable = ({ batches }: { readonly batches: readonly ListedBatch[] }) => (
  <Table label="Failed batches" rows={batches} columns={failureColumns} keyOf={({ batch_id }) => batch_id} />
);

const failureColumns: readonly Column<ListedBatch>[] = [
  { head: "Batch", cell: (batch) => <BatchLink batch={batch} />, isCut: true },
  {
    head: "Tasks",
    cell: ({ status_counts }) => <Bar counts={countsOf(status_counts)} />,
    isWide: true,
    minWidth: 130,
  },
  { head: "First failure", cell: (batch) => <FirstFailure batch={batch} />, isCut: "rest" },
  { head: "When", cell: (batch) => <FirstFailedAt batch={batch} />, isRight: true },
];

const useFirstFailure = ({ batch_id, completed_at }: ListedBatch) =>
  useQuery({
    queryKey: ["batch", batch_id],
    queryFn: () => baton().batch(batch_id),
    staleTime: completed_at === null ? 5_000 : Number.POSITIVE_INFINITY,
  }).data?.first_failure;

function FirstFailure({ batch }: { readonly batch: ListedBatch }) {
  const first = useFirstFailure(batch);
  if (!first) return null;
  return (
    <>
      <TaskLink id={first.task_id} name={first.name} /> <span className="soft">{first.reason}</span>
    </>
  );
}

const FirstFailedAt = ({ batch }: { readonly batch: ListedBatch }) => (
  <Time at={useFirstFailure(batch)?.at ?? batch.completed_at} />
);
