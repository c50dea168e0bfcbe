// Acting on everything that matches the filter of a list, beyond the page that is shown: a bar at its foot counts what matches, asks
// with a preview and a reason, and shows how far the operation is. Whether it is open stands in the address.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ListChecks, X } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import type { Bulk, BulkMatched } from "../../../sdk/client.ts";
import { numberText, shortId } from "../../data/format.ts";
import { queries } from "../../data/queries.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import { type Act, ActDialog } from "../../parts/act.tsx";
import { errorText } from "../../parts/error-text.ts";
import { TaskLink } from "../../parts/links.tsx";
import { useBulk } from "./bulk.tsx";
import { BulkBar, BulkState, isOver } from "./progress.tsx";
import { actionWords, type BulkAction, type BulkNoun, nounText } from "./words.ts";

type Filter = Readonly<Record<string, string>>;

const actionsOf: Readonly<Record<BulkNoun, readonly BulkAction[]>> = {
  tasks: ["cancel", "pause", "resume"],
  batches: ["cancel", "pause", "resume", "rerun"],
  deliveries: ["replay"],
};

const about: Readonly<Record<BulkAction, string>> = {
  cancel:
    "What has ended is passed over. Services that work are told to stop, and what needs these fails or is skipped. This cannot be undone.",
  pause: "What has not started waits until somebody resumes it. What runs goes on.",
  resume: "What is paused goes on where it was. Everything else is passed over.",
  rerun: "Of each batch that is complete, what did not succeed runs again as a new batch.",
  replay: "Each is sent again under its key. Those that are still pending are passed over.",
};

export const SelectAll = ({ isOn, filter, onSelect }: SelectProps) => {
  const isAllowed = mayOperate(useStore(whoami));
  const isEmpty = Object.keys(filter).length === 0;
  if (!isAllowed || isOn) return null;
  return (
    <button
      type="button"
      className="btn"
      disabled={isEmpty}
      title={isEmpty ? "Filter first: an act on everything there is needs at least one filter" : undefined}
      onClick={() => onSelect(true)}
    >
      <ListChecks size={14} aria-hidden="true" /> Select all that match
    </button>
  );
};

interface SelectProps {
  readonly isOn: boolean;
  readonly filter: Filter;
  readonly onSelect: (isOn: boolean) => void;
}

const askFor = (action: BulkAction, noun: BulkNoun, filter: Filter) => ({ action, [noun]: filter }) as Bulk;

/** Nothing while nothing is selected. */
export function ActOnAll({ noun, filter, isOn, onSelect }: SelectProps & { readonly noun: BulkNoun }) {
  const isAllowed = mayOperate(useStore(whoami));
  if (!isOn || !isAllowed || Object.keys(filter).length === 0) return null;
  return <Selection key={JSON.stringify(filter)} noun={noun} filter={filter} close={() => onSelect(false)} />;
}

function Selection(props: { readonly noun: BulkNoun; readonly filter: Filter; readonly close: () => void }) {
  const [bulkId, setBulkId] = useState<string>();
  return (
    <section className="bulk-bar" aria-label="What is selected">
      {bulkId === undefined ? <Choice {...props} onBegun={setBulkId} /> : <Begun id={bulkId} />}
      <button type="button" className="btn plain" aria-label="Select nothing" onClick={props.close}>
        <X size={15} />
      </button>
    </section>
  );
}

function Choice({ noun, filter, onBegun }: ChoiceProps) {
  const [act, setAct] = useState<Act>();
  const asked = useQuery({
    queryKey: ["bulk", "matched", noun, filter],
    queryFn: async () => {
      const body = { ...askFor(actionsOf[noun][0] as BulkAction, noun, filter), dry_run: true };
      return (await baton().call("createBulk", { body })).body as BulkMatched;
    },
  });
  const { data } = asked;
  if (asked.isError) return <span role="alert">{errorText(asked.error)}</span>;
  if (data === undefined) return <span className="soft">Counting what matches…</span>;
  const count = `${data.more ? "over " : ""}${nounText(data.matched, noun)}`;
  return (
    <>
      <span role="status">
        <span className="strong">{count}</span> {data.matched === 1 ? "matches" : "match"}.
      </span>
      {data.matched > 0 &&
        actionsOf[noun].map((action) => (
          <button
            key={action}
            type="button"
            className={action === "cancel" ? "btn bad" : "btn"}
            onClick={() => setAct(actOf(action, { noun, filter, onBegun }, data, count))}
          >
            {action === "rerun" ? "Rerun failed of all" : `${actionWords[action]} all`}…
          </button>
        ))}
      <ActDialog act={act} close={() => setAct(undefined)} />
    </>
  );
}

interface ChoiceProps {
  readonly noun: BulkNoun;
  readonly filter: Filter;
  readonly onBegun: (id: string) => void;
}

function actOf(action: BulkAction, { noun, filter, onBegun }: ChoiceProps, matched: BulkMatched, count: string): Act {
  return {
    title: `${actionWords[action]} ${count}?`,
    verb: `${actionWords[action]} ${count}`,
    isDangerous: action === "cancel",
    about: about[action],
    reason: "may",
    more: <Sample noun={noun} matched={matched} />,
    run: async (reason) => {
      const body = { ...askFor(action, noun, filter), ...(reason === "" ? {} : { reason }) };
      const answer = (await baton().call("createBulk", { body })).body;
      if ("bulk_id" in answer) onBegun(answer.bulk_id);
    },
  };
}

const sampleMax = 5;

function Sample({ noun, matched }: { readonly noun: BulkNoun; readonly matched: BulkMatched }) {
  const shown = matched.sample.slice(0, sampleMax);
  const more = matched.matched - shown.length;
  return (
    <div>
      <p className="soft">Among them</p>
      <ul>
        {shown.map((id) => (
          <li key={id}>{nameOf(noun, id)}</li>
        ))}
        {more > 0 && <li className="soft">and {numberText(more)} more</li>}
      </ul>
    </div>
  );
}

function nameOf(noun: BulkNoun, id: string): ReactNode {
  if (noun === "tasks") return <TaskLink id={id} />;
  if (noun === "deliveries") return <code>{shortId(id)}</code>;
  return (
    <Link className="link" to="/batches/$id/{-$tab}" params={{ id, tab: undefined }}>
      {shortId(id)}
    </Link>
  );
}

const lists = ["tasks", "batches", "deliveries"];

function Begun({ id }: { readonly id: string }) {
  const { data } = useBulk(id);
  const isDone = data !== undefined && isOver(data);
  // The list behind shows what came of it.
  useEffect(() => {
    if (isDone) void queries.invalidateQueries({ predicate: ({ queryKey: [first] }) => lists.includes(String(first)) });
  }, [isDone]);
  if (data === undefined) return <span className="soft">Begun…</span>;
  return (
    <>
      <BulkState operation={data} />
      <BulkBar operation={data} />
      <Link className="link" to="/bulk/$id" params={{ id }}>
        Open
      </Link>
    </>
  );
}
