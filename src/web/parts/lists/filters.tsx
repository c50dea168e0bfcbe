// What lists share: the choice of a state, filters as chips, a form that adds one, and the button for what comes next.
import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { type FormEvent, useState } from "react";

interface ChoiceProps {
  readonly to: "/batches" | "/tasks" | "/deliveries";
  readonly search: { readonly status?: string | undefined };
  /** What each is called, and the `status` of the address that it stands for. */
  readonly choices: readonly (readonly [text: string, status: string | undefined])[];
}

/** One of some states, as links. A status of the address that is none of them stands beside them. */
export function StateChoice({ to, search, choices }: ChoiceProps) {
  const isKnown = choices.some(([, status]) => status === search.status);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a layout of its own.
    <span className="seg" role="group" aria-label="State">
      {choices.map(([text, status]) => (
        <Link
          key={text}
          to={to}
          search={{ ...search, status } as never}
          className={search.status === status ? "on" : undefined}
          activeProps={{}}
        >
          {text}
        </Link>
      ))}
      {!isKnown && <span className="on">{search.status}</span>}
    </span>
  );
}

interface ChipsProps<Field extends string> {
  readonly fields: readonly Field[];
  readonly search: Readonly<Partial<Record<Field, string | undefined>>>;
  readonly onRemove: (field: Field) => void;
}

/** The filters that are set, each with a button that takes it away. */
export function FilterChips<Field extends string>({ fields, search, onRemove }: ChipsProps<Field>) {
  return fields.map((field) =>
    search[field] === undefined ? null : (
      <span key={field} className="chip">
        <span className="soft">{field}</span> {search[field]}
        <button type="button" aria-label={`Remove the filter ${field}`} onClick={() => onRemove(field)}>
          <X size={13} />
        </button>
      </span>
    ),
  );
}

interface AddProps<Field extends string> {
  /** The first one is chosen at first. */
  readonly fields: readonly [Field, ...Field[]];
  readonly placeholderOf: (field: Field) => string;
  readonly onAdd: (field: Field, text: string) => void;
}

export function AddFilter<Field extends string>({ fields, placeholderOf, onAdd }: AddProps<Field>) {
  const [field, setField] = useState<Field>(fields[0]);
  const [text, setText] = useState("");
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === "") return;
    onAdd(field, text.trim());
    setText("");
  };
  return (
    <form className="row" style={{ gap: 4 }} onSubmit={add}>
      <select
        className="field"
        aria-label="Filter by"
        value={field}
        onChange={(e) => setField(e.target.value as Field)}
      >
        {fields.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <input
        className="field"
        style={{ width: 170 }}
        aria-label={`Filter by ${field}`}
        placeholder={placeholderOf(field)}
        value={text}
        onChange={(e) => setText(e.target.value)}
      />
    </form>
  );
}

interface Pages {
  readonly hasNextPage: boolean;
  readonly fetchNextPage: () => unknown;
}

/** Nothing where the list has come to its end. */
export function NextPage({ query, text = "Show older ones" }: { readonly query: Pages; readonly text?: string }) {
  if (!query.hasNextPage) return null;
  return (
    <button type="button" className="btn" style={{ alignSelf: "center" }} onClick={() => void query.fetchNextPage()}>
      {text}
    </button>
  );
}
