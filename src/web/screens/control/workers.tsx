// The processes that are alive, in every role.
import type { WorkerProcess } from "../../../sdk/client.ts";
import { durationText, numberText } from "../../data/format.ts";
import { Intro, Listing, Nothing } from "../../parts/lists/listing.tsx";
import type { Column } from "../../parts/lists/table.tsx";
import { Shape } from "../../parts/state.tsx";
import { Ago, Time } from "../../parts/time.tsx";
import { usePage } from "../../shell/page.tsx";

/** Beyond, a person should look. */
const [lagMax, skewMax] = [1_000, 2_000];

const columns: readonly Column<WorkerProcess>[] = [
  {
    head: "Process",
    cell: ({ id, lag_ms, skew_ms }) => (
      <span className="state">
        <Shape state={lag_ms > lagMax || Math.abs(skew_ms) > skewMax ? "Retrying" : "Success"} />
        <code>{id}</code>
      </span>
    ),
  },
  { head: "Roles", cell: ({ roles }) => roles.join(", ") },
  { head: "Version", cell: ({ version }) => <code>{version}</code> },
  { head: "Open calls", cell: ({ calls_open }) => numberText(calls_open), isRight: true },
  { head: "Held up", cell: ({ lag_ms }) => durationText(lag_ms), isRight: true },
  { head: "Clock", cell: ({ skew_ms }) => `${skew_ms > 0 ? "+" : ""}${numberText(skew_ms)} ms`, isRight: true },
  { head: "Started", cell: ({ started_at }) => <Time at={started_at} />, isRight: true },
  { head: "Counts as alive", cell: ({ alive_until }) => <Ago at={alive_until} />, isRight: true },
];

export function Workers() {
  usePage([{ text: "Workers" }]);
  return (
    <>
      <Intro title="Workers">
        The processes that are alive. “Held up” is the longest that one could do nothing lately; “clock” how far it
        finds the clock of NATS ahead of that of Postgres.
      </Intro>
      <Listing
        path="/workers"
        label="Processes"
        columns={columns}
        keyOf={({ id }) => id}
        empty={<Nothing title="No process is alive">Start one with ROLES=worker.</Nothing>}
      />
    </>
  );
}
