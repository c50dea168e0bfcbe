// What stands over and under the graph: finding, hiding and grouping above, what lines mean and how near one is below.
import { Expand, Minus, Plus, Search } from "lucide-react";
import { useEffect, useState } from "react";
import type { GraphView } from "./draw/view.ts";
import type { GraphProps } from "./props.ts";

export function Tools({ store, q, hide, onSearch, onHide, onSelect, more }: GraphProps) {
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  const find = () => {
    const wanted = text.toLowerCase();
    const place = wanted === "" ? -1 : store.names.findIndex((name) => name.toLowerCase().includes(wanted));
    if (place >= 0) onSelect(place);
  };
  return (
    <div className="tools">
      <form
        className="row"
        style={{ gap: 6 }}
        onSubmit={(event) => {
          event.preventDefault();
          onSearch(text.trim());
          find();
        }}
      >
        <Search size={15} aria-hidden="true" className="faint" />
        <input
          className="field"
          style={{ width: 150 }}
          aria-label="Find a task by name or kind"
          placeholder="Find a task"
          value={text}
          onChange={(e) => setText(e.target.value)}
        />
      </form>
      <button type="button" className={hide ? "btn on" : "btn"} aria-pressed={hide} onClick={() => onHide(!hide)}>
        Hide succeeded
      </button>
      {more}
      {q !== "" && (
        <button type="button" className="btn plain" onClick={() => onSearch("")}>
          Clear
        </button>
      )}
    </div>
  );
}

const looks = [
  ...([
    ["needs success", undefined],
    ["on failure", "6 4"],
    ["always", "1.5 3.5"],
  ] as const),
];

export const Legend = ({ view }: { readonly view: GraphView | undefined }) => (
  <div className="legend">
    {looks.map(([text, dash]) => (
      <span key={text}>
        <svg width="24" height="4" aria-hidden="true">
          <path d="M0 2h24" stroke="currentColor" strokeWidth="1.5" strokeDasharray={dash} />
        </svg>
        {text}
      </span>
    ))}
    <span className="grow" />
    <div className="row">
      <button type="button" className="btn" aria-label="Zoom out" onClick={() => view?.zoomBy(0.8)}>
        <Minus size={14} />
      </button>
      <button type="button" className="btn" aria-label="Zoom in" onClick={() => view?.zoomBy(1.25)}>
        <Plus size={14} />
      </button>
      <button type="button" className="btn" onClick={() => view?.fit()}>
        <Expand size={14} aria-hidden="true" /> Fit
      </button>
    </div>
  </div>
);
