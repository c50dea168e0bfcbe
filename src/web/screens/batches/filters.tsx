// The filters of the list of batches, each a part of the address, and views that were saved in this browser.
import { getRouteApi, Link } from "@tanstack/react-router";
import { BookmarkPlus, X } from "lucide-react";
import { savedViews } from "../../data/prefs.ts";
import { parseSearch, stringifySearch } from "../../data/search.ts";
import { useStore } from "../../data/store.ts";
import { AddFilter, FilterChips, StateChoice } from "../../parts/lists/filters.tsx";

const route = getRouteApi("/batches");

const choices = [
  ...([
    ["All", undefined],
    ["Running", "running"],
    ["Paused", "paused"],
  ] as const),
  ...([
    ["Failed", "failure"],
    ["Succeeded", "success"],
    ["Canceled", "canceled"],
  ] as const),
];
const fields = ["scope", "name", "kind", "metadata"] as const;
const placeholders = {
  ...{ scope: "the whole scope", name: "in a task's name", kind: "in a task's kind", metadata: '{"owner":"data"}' },
} as const;

export function Filters() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <div className="row wrap">
      <StateChoice to="/batches" search={search} choices={choices} />
      <FilterChips
        fields={fields}
        search={search}
        onRemove={(field) => void navigate({ search: { ...search, [field]: undefined } })}
      />
      <AddFilter
        fields={fields}
        placeholderOf={(field) => placeholders[field]}
        onAdd={(field, text) => void navigate({ search: { ...search, [field]: text } })}
      />
      <span className="grow" />
      <Views />
    </div>
  );
}

function Views() {
  const search = route.useSearch();
  const views = useStore(savedViews);
  const { sel: _selection, ...wanted } = search;
  const query = stringifySearch(wanted);
  const isSaved = views.some((view) => view.query === query);
  const save = () => {
    const name = Object.values(wanted).filter(Boolean).join(", ");
    savedViews.set([...views, { name, query }]);
  };
  return (
    <>
      {views.map((view) => (
        <span key={view.query} className="chip">
          <Link to="/batches" search={parseSearch(view.query)} activeProps={{}}>
            {view.name}
          </Link>
          <button
            type="button"
            aria-label={`Forget the view ${view.name}`}
            onClick={() => savedViews.set(views.filter((one) => one !== view))}
          >
            <X size={13} />
          </button>
        </span>
      ))}
      {query !== "" && !isSaved && (
        <button type="button" className="btn plain" onClick={save}>
          <BookmarkPlus size={14} aria-hidden="true" /> Save this view
        </button>
      )}
    </>
  );
}
