// One bulk operation: how far it is, live, what it takes, and stopping it.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Square } from "lucide-react";
import { useState } from "react";
import type { BulkOperation } from "../../../sdk/client.ts";
import { numberText } from "../../data/format.ts";
import { queries } from "../../data/queries.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import { type Act, ActDialog } from "../../parts/act.tsx";
import { Asked, Panel } from "../../parts/panel.tsx";
import { Time, Took } from "../../parts/time.tsx";
import { say } from "../../parts/toast.tsx";
import { usePage } from "../../shell/page.tsx";
import { BulkBar, BulkState, isOver } from "./progress.tsx";
import { actionWords, filterOfBulk, filterText, nounOf, nounText } from "./words.ts";

const route = getRouteApi("/bulk/$id");
const againMs = 700;

export const useBulk = (id: string | undefined) =>
  useQuery({
    ...{ queryKey: ["bulk", id], enabled: id !== undefined },
    queryFn: async () => (await baton().call("getBulk", { path: { id: id ?? "" } })).body,
    refetchInterval: ({ state }) => (state.data && isOver(state.data) ? false : againMs),
  });

export function BulkScreen() {
  const { id } = route.useParams();
  const query = useBulk(id);
  const { data } = query;
  const title = data ? `${actionWords[data.action]} ${nounOf(data)}` : "Bulk operation";
  usePage(
    [{ text: "Bulk", link: <Link to="/bulk">Bulk</Link> }, { text: title }],
    data === undefined || isOver(data) ? "calm" : "running",
  );
  const [act, setAct] = useState<Act>();
  return (
    <Asked query={query}>
      {(operation) => (
        <>
          <div className="row wrap">
            <h1>{title}</h1>
            <BulkState operation={operation} isBig />
            <span className="grow" />
            <Stop operation={operation} ask={setAct} />
          </div>
          <BulkBar operation={operation} />
          <Facts operation={operation} />
          <ActDialog act={act} close={() => setAct(undefined)} />
        </>
      )}
    </Asked>
  );
}

function Stop({ operation, ask }: { readonly operation: BulkOperation; readonly ask: (act: Act) => void }) {
  const isAllowed = mayOperate(useStore(whoami));
  if (!isAllowed || isOver(operation)) return null;
  const act: Act = {
    ...{ title: "Stop this operation?", verb: "Stop it", isDangerous: true },
    about: "What was done stays done. The portion that is under way is finished first; then nothing more happens.",
    run: async () => {
      await baton().call("stopBulk", { path: { id: operation.bulk_id } });
      say("Stopped.");
      await queries.invalidateQueries({ queryKey: ["bulk"] });
    },
  };
  return (
    <button type="button" className="btn bad" onClick={() => ask(act)}>
      <Square size={13} aria-hidden="true" /> Stop
    </button>
  );
}

function Facts({ operation }: { readonly operation: BulkOperation }) {
  const { matched, done, skipped, failed, reason, actor, created_at, ended_at } = operation;
  const noun = nounOf(operation);
  return (
    <Panel title="What it does">
      <dl className="facts body">
        <dt>Takes</dt>
        <dd>
          {matched === null ? `${noun} that match` : nounText(matched, noun)}: <code>{filterText(operation)}</code>{" "}
          <Link className="link" to={`/${noun}`} search={filterOfBulk(operation) as never}>
            see what matches now
          </Link>
        </dd>
        <dt>Done</dt>
        <dd>{numberText(done)}</dd>
        <dt>Skipped</dt>
        <dd>
          {numberText(skipped)} <span className="soft">whose state did not take it, or no longer matched</span>
        </dd>
        <dt>Failed</dt>
        <dd>
          {numberText(failed)} <span className="soft">deleted meanwhile, or dead letters</span>
        </dd>
        <dt>Why</dt>
        <dd>{reason ?? "no reason was given"}</dd>
        <dt>Who</dt>
        <dd>
          <code>{actor}</code>
        </dd>
        <dt>Asked</dt>
        <dd>
          <Time at={created_at} />
        </dd>
        <dt>Took</dt>
        <dd>
          <Took from={created_at} to={ended_at} />
        </dd>
      </dl>
    </Panel>
  );
}
