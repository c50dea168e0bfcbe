// The playground: a batch as JSON or YAML, checked and drawn while it is typed, and submitted. It begins with an example, or with a batch
// that has run, to change and run again.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { baton, maySubmit, root, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import { Graph } from "../../graph/graph.tsx";
import { errorText } from "../../parts/error-text.ts";
import { Failed } from "../../parts/panel.tsx";
import { say } from "../../parts/toast.tsx";
import { usePage } from "../../shell/page.tsx";
import { type Checked, loadYaml, storeOf, useCheck } from "./check.ts";
import { Editor } from "./editor.tsx";
import { examples } from "./examples.ts";
import type { Language } from "./reading.ts";
import { Verdict } from "./verdict.tsx";

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
  const { format } = route.useSearch();
  const language = format === "yaml" ? "yaml" : "json";
  const [text, setText] = useText(first, language);
  const checked = useCheck(text, language);
  const submit = useSubmit(checked);
  const [goTo, setGoTo] = useState<{ readonly line: number }>();
  return (
    <>
      <div className="row wrap">
        <div className="grow">
          <h1>Playground</h1>
          <p className="soft hide-phone">
            A batch as it is posted to /task. It is checked as you type; nothing runs before you submit it.
          </p>
        </div>
        <LanguageChoice language={language} checked={checked} text={text} onText={setText} />
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a layout of its own. */}
        <span className="seg" role="group" aria-label="Examples">
          {examples.map(({ id, title }) => (
            <Link
              key={id}
              to="/playground"
              search={{ example: id, format }}
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
          <Editor
            {...{ text, language, goTo }}
            wrongs={checked.wrongs}
            warnings={checked.warnings}
            onText={setText}
            onSubmit={() => void submit.run()}
          />
          <Verdict checked={checked} submit={submit} onLine={(line) => setGoTo({ line })} />
        </section>
        <Picture checked={checked} />
      </div>
    </>
  );
}

/** The text at first is JSON; a link that asks for YAML gets it once the module is there. */
function useText(first: string, language: Language) {
  const [text, setText] = useState(language === "json" ? first : undefined);
  useEffect(() => {
    if (text === undefined) void loadYaml().then(({ writeYaml }) => setText(writeYaml(JSON.parse(first))));
  }, [text, first]);
  return [text ?? "", setText] as const;
}

interface LanguageProps {
  readonly language: Language;
  readonly checked: Checked;
  readonly text: string;
  readonly onText: (text: string) => void;
}

/** What is written is taken along, in the other form. */
function LanguageChoice({ language, checked: { batch }, text, onText }: LanguageProps) {
  const navigate = route.useNavigate();
  const choose = async (next: Language) => {
    if (next === language) return;
    if (batch === undefined && text.trim() !== "") return say("Mend the text first: it cannot be read.", true);
    onText(next === "json" ? textOf(batch) : (await loadYaml()).writeYaml(batch));
    await navigate({ search: (old) => ({ ...old, format: next === "yaml" ? next : undefined }), replace: true });
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a layout of its own.
    <span className="seg" role="group" aria-label="Written as">
      {(["json", "yaml"] as const).map((one) => (
        <button key={one} type="button" aria-pressed={language === one} onClick={() => void choose(one)}>
          {one.toUpperCase()}
        </button>
      ))}
    </span>
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

/** While the text cannot be read the last picture stays. */
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
