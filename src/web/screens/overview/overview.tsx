// The overview: what a person on call looks at first. Each figure leads to the list behind it. An installation without batches
// shows how to begin instead.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Overview as Figures } from "../../../sdk/client.ts";
import { paceOf } from "../../data/live/pace.ts";
import { useOverview } from "../../data/queries.ts";
import { baton } from "../../data/session.ts";
import { Asked, Empty, Panel } from "../../parts/panel.tsx";
import { usePage } from "../../shell/page.tsx";
import { BatchTable, FailureTable } from "../batches/table.tsx";
import { Rates, Tiles, Waits } from "./figures.tsx";
import { Start } from "./start.tsx";
import { Watched } from "./watched.tsx";

export function Overview() {
  const overview = useOverview();
  const any = useQuery({
    queryKey: ["batches", "any"],
    queryFn: () => baton().batchPage({ page_size: "1" }),
    refetchInterval: ({ state }) => (state.data?.rows.length === 0 ? 3_000 : false),
  });
  const isEmpty = any.data?.rows.length === 0;
  const figures = overview.data;
  usePage([{ text: "Overview" }], signalOf(figures));
  return (
    <>
      <h1 className="hidden">Overview</h1>
      <Asked query={overview}>
        {(data) => (
          <>
            {isEmpty && <Start />}
            <Tiles figures={data} />
            {!isEmpty && <Lists figures={data} />}
            <Watched figures={data} />
          </>
        )}
      </Asked>
    </>
  );
}

function Lists({ figures }: { readonly figures: Figures }) {
  const refetchInterval = paceOf(figures);
  const running = useQuery({
    ...{ refetchInterval, queryKey: ["batches", "newest running"] },
    queryFn: () => baton().batchPage({ status: "running", page_size: "6" }),
  });
  const failed = useQuery({
    ...{ refetchInterval, queryKey: ["batches", "newest failed"] },
    queryFn: () => baton().batchPage({ status: "failure", page_size: "6" }),
  });
  return (
    <>
      <div className="two">
        <Rates figures={figures} />
        <Waits figures={figures} />
      </div>
      <Panel title="Running batches" end={<All status="running" />}>
        <Asked query={running}>
          {({ rows }) =>
            rows.length === 0 ? <Empty title="Nothing runs" /> : <BatchTable batches={rows} label="Running batches" />
          }
        </Asked>
      </Panel>
      <Panel title="Batches that failed" more="newest first" end={<All status="failure" />}>
        <Asked query={failed}>
          {({ rows }) => (rows.length === 0 ? <Empty title="No batch has failed" /> : <FailureTable batches={rows} />)}
        </Asked>
      </Panel>
    </>
  );
}

const All = ({ status }: { readonly status: string }) => (
  <Link className="link" to="/batches" search={{ status }}>
    All
  </Link>
);

const signalOf = (figures: Figures | undefined) =>
  figures === undefined ? "calm" : figures.last_hour.failures > 0 ? "failed" : figures.running > 0 ? "running" : "calm";
