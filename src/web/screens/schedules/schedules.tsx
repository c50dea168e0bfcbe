// Schedules by name: when each comes next, and how its last batch stands.
import { Link } from "@tanstack/react-router";
import type { ListedSchedule } from "../../../sdk/client.ts";
import { shapeOfBatch, wordOfBatch } from "../../data/states.ts";
import { Intro, Listing, Nothing } from "../../parts/lists/listing.tsx";
import type { Column } from "../../parts/lists/table.tsx";
import { Shape } from "../../parts/state.tsx";
import { Ago, Time } from "../../parts/time.tsx";
import { usePage } from "../../shell/page.tsx";
import { whenText } from "./words.ts";

const columns: readonly Column<ListedSchedule>[] = [
  {
    head: "Schedule",
    cell: ({ name }) => (
      <Link className="strong" to="/schedules/$name" params={{ name }}>
        {name}
      </Link>
    ),
    isCut: true,
  },
  { head: "State", cell: ({ paused }) => <ScheduleState isPaused={paused} /> },
  { head: "When", cell: (schedule) => <code>{whenText(schedule)}</code>, isCut: true },
  {
    head: "Next",
    cell: ({ next, paused }) =>
      next[0] === undefined ? (
        <span className="soft">never again</span>
      ) : (
        <span className={paused ? "faint" : ""}>
          <Time at={next[0]} /> <span className="soft">{paused ? "if resumed" : <Ago at={next[0]} />}</span>
        </span>
      ),
  },
  {
    head: "Last batches",
    cell: ({ batches }) => <Recent batches={batches} />,
  },
  { head: "Skipped lately", cell: ({ skipped }) => skipped.length, isRight: true },
];

/** The newest at the right, as time goes. */
function Recent({ batches }: Pick<ListedSchedule, "batches">) {
  if (batches.length === 0) return <span className="faint">none yet</span>;
  return (
    <span className="row" style={{ gap: 4 }}>
      {batches.toReversed().map(({ batch_id, status, at }) => (
        <Link key={batch_id} to="/batches/$id/{-$tab}" params={{ id: batch_id, tab: undefined }}>
          <Shape state={shapeOfBatch[status]} label={`${wordOfBatch[status]}, ${at}`} />
        </Link>
      ))}
    </span>
  );
}

export const ScheduleState = ({
  isPaused,
  isBig = false,
}: {
  readonly isPaused: boolean;
  readonly isBig?: boolean;
}) => (
  <span className={isBig ? "state big" : "state"}>
    <Shape state={isPaused ? "Paused" : "Running"} />
    {isPaused ? "Paused" : "Active"}
  </span>
);

export function Schedules() {
  usePage([{ text: "Schedules" }]);
  return (
    <>
      <Intro title="Schedules">Each makes a batch at its times, at most one a time, whatever crashes.</Intro>
      <Listing
        path="/schedules"
        label="Schedules"
        columns={columns}
        keyOf={({ name }) => name}
        empty={
          <Nothing title="No schedules yet">
            Make one with <code>PUT /schedules/nightly</code>: a cron line with a time zone, and the batch that it
            makes.
          </Nothing>
        }
      />
    </>
  );
}
