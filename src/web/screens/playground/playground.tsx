// The playground: a batch as JSON, checked and drawn while it is typed, and submitted. It begins with an example, or with a batch
// that has run, to change and run again.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Check, Play } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { countText } from "../../data/format.ts";
import { baton, maySubmit, root, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import { Graph } from "../../graph/graph.tsx";
import { errorText } from "../../parts/error-text.ts";
import { Failed } from "../../parts/panel.tsx";
import { Shape } from "../../parts/state.tsx";
import { say } from "../../parts/toast.tsx";
import { usePage } from "../../shell/page.tsx";
import { type Checked, storeOf, useCheck } from "./check.ts";
import { Editor } from "./editor.tsx";
import { examples } from "./examples.ts";

const route = getRouteApi("/playground");
const textOf = (batch: unknown): string => JSON.stringify(batch, null, 2);
const self = root.href.replace(/\/$/, "");

export function Playground() {
  usePage([{ text: "Playground" }]);
  const { example, batch: batchId } = route.useSearch();
  const definition = useQuery({
    ...{ queryKey: ["definition", batchId], enabled: batchId !== undefined },
    queryFn: () => baton().definition(batchId ?? ""),
  });
  if (batchId !== undefined && definition.isError) return <Failed error={definition.error} />;
  if (batchId !== undefined && definition.data === undefined) return null;
  const chosen = examples.find(({ id }) => id === example) ?? examples[0]!;
  const first = definition.data === undefined ? chosen.batch(self) : definition.data;
  return <Bench key={batchId ?? chosen.id} first={textOf(first)} chosen={batchId === undefined ? chosen.id : ""} />;
}

function Bench({ first, chosen }: { readonly first: string; readonly chosen: string }) {
  const [text, setText] = useState(first);
  const checked = useCheck(text);
  const submit = useSubmit(checked);
  return (
    <>
      <div className="row wrap">
        <div className="grow">
          <h1>Playground</h1>
          <p className="soft hide-phone">
            A batch as it is posted to /task. It is checked as you type; nothing runs before you submit it.
          </p>
        </div>
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a layout of its own. */}
        <span className="seg" role="group" aria-label="Examples">
          {examples.map(({ id, title }) => (
            <Link
              key={id}
              to="/playground"
              search={{ example: id }}
              className={id === chosen ? "on" : undefined}
              activeProps={{}}
            >
              {title}
            </Link>
          ))}
        </span>
      </div>
      <div className="playground">
        <section className="panel" aria-label="The batch">
          <Editor text={text} wrongs={checked.wrongs} onText={setText} onSubmit={() => void submit.run()} />
          <Verdict checked={checked} submit={submit} />
        </section>
        <Picture checked={checked} />
      </div>
    </>
  );
}

function useSubmit({ batch, wrongs, isChecking }: Checked) {
  const isAllowed = maySubmit(useStore(whoami));
  const navigate = useNavigate();
  const [isRunning, setRunning] = useState(false);
  const canRun = isAllowed && batch !== undefined && wrongs.length === 0 && !isChecking && !isRunning;
  const run = async () => {
    if (!canRun || batch === undefined) return;
    setRunning(true);
    try {
      const { batchId, tasks } = await baton().create(batch);
      if (tasks.length === 0) say("Every task was left out as a duplicate.");
      await navigate({ to: "/batches/$id/{-$tab}", params: { id: batchId, tab: undefined }, search: {} });
    } catch (error) {
      say(errorText(error), true);
      setRunning(false);
    }
  };
  return { run, canRun, isAllowed };
}

const shownMax = 20;

function Verdict({ checked, submit }: { readonly checked: Checked; readonly submit: ReturnType<typeof useSubmit> }) {
  const { wrongs, dryRun, isChecking } = checked;
  const tasks = dryRun?.levels.reduce((sum, level) => sum + level.length, 0) ?? 0;
  return (
    <div
      style={{
        borderTop: "1px solid var(--line)",
        padding: "10px 14px",
        display: "flex",
        flexDirection: "column",
        gap: 8,
      }}
    >
      <ul id="faults" aria-live="polite" style={{ maxHeight: 130, overflow: "auto" }}>
        {wrongs.slice(0, shownMax).map(({ line, said }) => (
          <li key={`${line} ${said}`} className="row" style={{ gap: 8, alignItems: "flex-start", padding: "1px 0" }}>
            <Shape state="Failure" />
            <span className="num soft">line {line}</span>
            <span style={{ overflowWrap: "anywhere" }}>{said}</span>
          </li>
        ))}
        {wrongs.length > shownMax && <li className="soft">and {wrongs.length - shownMax} more</li>}
        {(dryRun?.warnings ?? []).map((warning) => (
          <li key={warning} className="row" style={{ gap: 8, alignItems: "flex-start" }}>
            <Shape state="Retrying" /> {warning}
          </li>
        ))}
      </ul>
      <div className="row wrap">
        <span className="soft row" style={{ gap: 6 }} role="status">
          {wrongs.length === 0 && dryRun !== undefined && !isChecking && (
            <>
              <Check size={14} aria-hidden="true" /> {countText(tasks, "task")} on{" "}
              {countText(dryRun.levels.length, "level")}
              {dryRun.deduplicated.length > 0 && `, ${dryRun.deduplicated.length} left out as duplicates`}
            </>
          )}
          {wrongs.length > 0 && countText(wrongs.length, "fault")}
          {isChecking && wrongs.length === 0 && "checking…"}
        </span>
        <span className="grow" />
        <button
          type="button"
          className="btn first"
          disabled={!submit.canRun}
          onClick={() => void submit.run()}
          title={submit.isAllowed ? "Ctrl Enter" : "Your token may look only"}
        >
          <Play size={14} aria-hidden="true" /> Submit
        </button>
      </div>
    </div>
  );
}

/** While the text is no JSON the last picture stays. */
function Picture({ checked: { batch } }: { readonly checked: Checked }) {
  const [last, setLast] = useState(batch);
  useEffect(() => {
    if (batch !== undefined) setLast(batch);
  }, [batch]);
  const store = useMemo(() => storeOf(last), [last]);
  const [selected, setSelected] = useState(-1);
  const [hide, setHide] = useState(false);
  const [q, setQ] = useState("");
  return (
    <Graph
      store={store}
      selected={selected}
      hide={hide}
      q={q}
      onSelect={setSelected}
      onOpen={() => {}}
      onHide={setHide}
      onSearch={setQ}
    />
  );
}
