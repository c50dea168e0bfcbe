// The fields of one rule: what it limits, how much, and which tasks count.
import { X } from "lucide-react";
import { limitWords, type RuleForm, ruleTypes } from "./forms.ts";

interface Props {
  readonly n: number;
  readonly form: RuleForm;
  readonly onChange: (form: RuleForm) => void;
  readonly onRemove: () => void;
}

export function RuleFields({ n, form, onChange, onRemove }: Props) {
  const text = (name: "limit" | "perSecs" | "kind" | "fields", label: string, width?: number, isNumber = false) => (
    <label>
      <span className="soft">{label}</span>
      <input
        className="field"
        style={width === undefined ? { width: "100%" } : { width }}
        inputMode={isNumber ? "numeric" : undefined}
        value={form[name]}
        onChange={(event) => onChange({ ...form, [name]: event.target.value })}
      />
    </label>
  );
  return (
    <fieldset className="rule">
      <legend className="hidden">Rule {n}</legend>
      <label>
        <span className="soft">Rule</span>
        <select
          className="field"
          value={form.type}
          onChange={(event) => onChange({ ...form, type: event.target.value as RuleForm["type"] })}
        >
          {ruleTypes.map((type) => (
            <option key={type}>{type}</option>
          ))}
        </select>
      </label>
      {text("limit", limitWords[form.type], 110, true)}
      {form.type === "Rate" && text("perSecs", "in seconds", 90, true)}
      {text("kind", "of kind")}
      {text("fields", "with the same metadata")}
      <button type="button" className="btn plain" aria-label={`Remove rule ${n}`} onClick={onRemove}>
        <X size={14} />
      </button>
    </fieldset>
  );
}
