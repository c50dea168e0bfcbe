// One schedule: when it comes next, here and in its own zone, what it made, what it left out and why, and what can be done.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Schedule, ScheduledBatch, SkippedTime } from "../../../sdk/client.ts";
import { shortId, zoneTimeText } from "../../data/format.ts";
import { baton } from "../../data/session.ts";
import { type Act, ActDialog } from "../../parts/act.tsx";
import { Code } from "../../parts/code.tsx";
import { type Column, Table } from "../../parts/lists/table.tsx";
import { Asked, Empty, Panel } from "../../parts/panel.tsx";
import { BatchState } from "../../parts/state.tsx";
import { Ago, Time } from "../../parts/time.tsx";
import { usePage } from "../../shell/page.tsx";
import { ScheduleActs } from "./acts.tsx";
import { ScheduleState } from "./schedules.tsx";
import { catchUpWords, overlapWords, skippedWords, whenText } from "./words.ts";

const route = getRouteApi("/schedules/$name");

export function ScheduleScreen() {
  const { name } = route.useParams();
  usePage([{ text: "Schedules", link: <Link to="/schedules">Schedules</Link> }, { text: name }]);
  const query = useQuery({
    ...{ queryKey: ["schedule", name], queryFn: () => baton().schedule(name) },
    refetchInterval: 5_000,
  });
  const [act, setAct] = useState<Act>();
  return (
    <Asked query={query}>
      {(schedule) => (
        <>
          <Head schedule={schedule} ask={setAct} />
          <div className="two">
            <Panel title="Next times" more={schedule.paused ? "those it would have: it is paused" : ""}>
              {schedule.next.length === 0 ? (
                <Empty title="It does not run again" />
              ) : (
                <Table label="Next times" rows={schedule.next} columns={nextColumns(schedule)} keyOf={(at) => at} />
              )}
            </Panel>
            <Facts schedule={schedule} />
          </div>
          <div className="two">
            <Panel title="Last batches" more="newest first">
              {schedule.batches.length === 0 ? (
                <Empty title="It has made none yet" />
              ) : (
                <Table
                  label="Last batches"
                  rows={schedule.batches}
                  columns={batchColumns}
                  keyOf={({ batch_id }) => batch_id}
                />
              )}
            </Panel>
            <Panel title="Times without a batch" more="newest first">
              {schedule.skipped.length === 0 ? (
                <Empty title="None was left out" />
              ) : (
                <Table
                  label="Times without a batch"
                  rows={schedule.skipped}
                  columns={skippedColumns}
                  keyOf={({ at }) => at}
                />
              )}
            </Panel>
          </div>
          <Panel title="The batch that it makes">
            <div className="body">
              <Code value={schedule.batch} label="The batch" />
            </div>
          </Panel>
          <ActDialog act={act} close={() => setAct(undefined)} />
        </>
      )}
    </Asked>
  );
}

const Head = ({ schedule, ask }: { readonly schedule: Schedule; readonly ask: (act: Act) => void }) => (
  <div className="row wrap" style={{ alignItems: "flex-start" }}>
    <div className="row wrap grow" style={{ minWidth: 240 }}>
      <h1>{schedule.name}</h1>
      <ScheduleState isPaused={schedule.paused} isBig />
      <code className="tag">{whenText(schedule)}</code>
    </div>
    <ScheduleActs schedule={schedule} ask={ask} />
  </div>
);

const nextColumns = ({ timezone, cron }: Schedule): readonly Column<string>[] => [
  { head: "Here", cell: (at) => zoneTimeText(Date.parse(at), Intl.DateTimeFormat().resolvedOptions().timeZone) },
  ...(cron === null ? [] : [{ head: `In ${timezone}`, cell: (at: string) => zoneTimeText(Date.parse(at), timezone) }]),
  { head: "From now", cell: (at) => <Ago at={at} />, isRight: true },
];

const batchColumns: readonly Column<ScheduledBatch>[] = [
  {
    head: "Batch",
    cell: ({ batch_id }) => (
      <Link className="strong" to="/batches/$id/{-$tab}" params={{ id: batch_id, tab: undefined }}>
        {shortId(batch_id)}
      </Link>
    ),
  },
  { head: "State", cell: ({ status }) => <BatchState status={status} /> },
  { head: "Of", cell: ({ at }) => <Time at={at} />, isRight: true },
];

const skippedColumns: readonly Column<SkippedTime>[] = [
  { head: "Time", cell: ({ at }) => <Time at={at} /> },
  { head: "Why", cell: ({ reason }) => <span className="soft">{skippedWords[reason]}</span>, isCut: "rest" },
];

const Facts = ({ schedule: { overlap, catch_up, until } }: { readonly schedule: Schedule }) => (
  <Panel title="How it behaves">
    <dl className="facts body">
      <dt>Overlap</dt>
      <dd>
        <code>{overlap}</code> <span className="soft">{overlapWords[overlap]}</span>
      </dd>
      <dt>Catch up</dt>
      <dd>
        <code>{catch_up}</code> <span className="soft">{catchUpWords[catch_up]}</span>
      </dd>
      <dt>Until</dt>
      <dd>{until === null ? "no end" : <Time at={until} />}</dd>
    </dl>
  </Panel>
);
