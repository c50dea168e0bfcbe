// Other rules for the unfinished tasks of one kind of a batch. It begins with the rules that they have, and what waits hears of the
// new ones at once. Which kind it is about stands in the address, so that a full limit can lead here.
import { Dialog } from "@base-ui/react/dialog";
import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import type { Batch, Rule } from "../../../../sdk/client.ts";
import type { BatchStore } from "../../../data/batch-store.ts";
import { countText } from "../../../data/format.ts";
import { queries } from "../../../data/queries.ts";
import { baton } from "../../../data/session.ts";
import { isFinal } from "../../../data/states.ts";
import { errorText } from "../../../parts/error-text.ts";
import { Asked } from "../../../parts/panel.tsx";
import { say } from "../../../parts/toast.tsx";
import { formOf, newForm, type RuleForm, ruleOf, wrongOf } from "./forms.ts";
import { RuleFields } from "./rule-fields.tsx";

interface Props {
  readonly batch: Batch;
  readonly store: BatchStore;
  /** Undefined: it is closed. */
  readonly kind: string | undefined;
  readonly onKind: (kind: string | undefined) => void;
}

export const RulesDialog = (props: Props) => (
  <Dialog.Root open={props.kind !== undefined} onOpenChange={(open) => open || props.onKind(undefined)}>
    <Dialog.Portal>
      <Dialog.Backdrop className="backdrop" />
      <Dialog.Popup className="dialog wide">
        {props.kind !== undefined && <Chosen {...props} kind={props.kind} />}
      </Dialog.Popup>
    </Dialog.Portal>
  </Dialog.Root>
);

function Chosen({ batch, store, kind, onKind }: Props & { readonly kind: string }) {
  const places = store.ids.flatMap((_, i) => (store.kinds[i] === kind && !isFinal(store.state[i] ?? 0) ? [i] : []));
  const [sample] = useState(() => store.ids[places.find((i) => store.state[i] === 1) ?? places[0] ?? -1]);
  const task = useQuery({
    // Asked anew at each opening: somebody may have changed them meanwhile.
    ...{ queryKey: ["rules", sample], enabled: sample !== undefined, gcTime: 0, staleTime: Number.POSITIVE_INFINITY },
    queryFn: () => baton().task(sample ?? ""),
  });
  return (
    <>
      <Dialog.Title>Edit rules</Dialog.Title>
      <Dialog.Description render={<div className="soft" />}>
        They replace the rules of the {countText(places.length, "unfinished task")} of this kind in this batch, also of
        those that run. What waits follows them at once; other batches keep theirs.
      </Dialog.Description>
      <label>
        <span>Kind</span>
        <select className="field" value={kind} onChange={(event) => onKind(event.target.value)}>
          {batch.kinds.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      {sample === undefined ? (
        <p className="soft">No task of this kind is unfinished.</p>
      ) : (
        <Asked query={task}>
          {({ rules }) => (
            <Editor key={kind} batchId={batch.batch_id} kind={kind} rules={rules} close={() => onKind(undefined)} />
          )}
        </Asked>
      )}
    </>
  );
}

interface EditorProps {
  readonly batchId: string;
  readonly kind: string;
  readonly rules: readonly Rule[];
  readonly close: () => void;
}

interface Row extends RuleForm {
  readonly key: number;
}

function Editor({ batchId, kind, rules, close }: EditorProps) {
  const [rows, setRows] = useState<readonly Row[]>(() => rules.map((rule, key) => ({ ...formOf(rule), key })));
  const [state, setState] = useState<{ readonly isRunning: boolean; readonly error?: unknown }>({ isRunning: false });
  const wrong = rows.map(wrongOf).find((one) => one !== undefined);
  const save = async () => {
    if (wrong !== undefined) return;
    setState({ isRunning: true });
    try {
      const body = { kind, rules: rows.map(ruleOf) };
      const answer = await baton().call("setRules", { path: { id: batchId }, body });
      say(`${countText(answer.body.updated_count, "task has", "tasks have")} the new rules.`);
      for (const warning of warningsOf(answer.headers)) say(warning, true);
      await queries.invalidateQueries({ queryKey: ["task"] });
      await queries.invalidateQueries({ queryKey: ["listing", "/limits"] });
      close();
    } catch (error) {
      setState({ isRunning: false, error });
    }
  };
  const nextKey = Math.max(0, ...rows.map(({ key }) => key + 1));
  return (
    <form
      style={{ display: "contents" }}
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      {rows.map((row, i) => (
        <RuleFields
          key={row.key}
          n={i + 1}
          form={row}
          onChange={(form) => setRows(rows.map((one) => (one === row ? { ...form, key: row.key } : one)))}
          onRemove={() => setRows(rows.filter((one) => one !== row))}
        />
      ))}
      {rows.length === 0 && <p className="soft">Without a rule, nothing but time and parents holds them.</p>}
      <button
        type="button"
        className="btn plain"
        style={{ alignSelf: "flex-start" }}
        onClick={() => setRows([...rows, { ...newForm(kind), key: nextKey }])}
      >
        <Plus size={14} aria-hidden="true" /> Add a rule
      </button>
      <p role="alert" style={{ color: "var(--bad-text)", minHeight: 20 }}>
        {wrong ?? (state.error === undefined ? "" : errorText(state.error))}
      </p>
      <div className="ends">
        <Dialog.Close className="btn">Leave them</Dialog.Close>
        <button type="submit" className="btn first" disabled={state.isRunning || wrong !== undefined}>
          {state.isRunning ? "…" : "Set the rules"}
        </button>
      </div>
    </form>
  );
}

/** What is surely not meant, such as a field that no task has: one header line each, percent-encoded. */
const warningsOf = (headers: Headers): string[] =>
  (headers.get("baton-warning") ?? "")
    .split(", ")
    .filter((line) => line !== "")
    .map(decodeURIComponent);
