// The list of batches. Its filters are the address. It is live without jumping: rows change in place, and new ones wait behind a
// button. It is asked for again at most once a second while events come, and not at all while none do.
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import type { ListedBatch } from "../../../sdk/client.ts";
import { countText } from "../../data/format.ts";
import { useLive } from "../../data/live/live.ts";
import { selectionOf } from "../../data/search.ts";
import { baton } from "../../data/session.ts";
import { NextPage } from "../../parts/lists/filters.tsx";
import { Asked, Empty } from "../../parts/panel.tsx";
import { usePage } from "../../shell/page.tsx";
import { ActOnAll, SelectAll } from "../bulk/act-on-all.tsx";
import { Filters } from "./filters.tsx";
import { BatchTable } from "./table.tsx";

const route = getRouteApi("/batches");
const pageSize = "50";
const againMs = 1_000;

export function Batches() {
  usePage([{ text: "Batches" }]);
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const selection = selectionOf(search, navigate);
  const { filter } = selection;
  const query = useInfiniteQuery({
    queryKey: ["batches", filter],
    queryFn: ({ pageParam }) => baton().batchPage({ ...filter, page_size: pageSize, ...pageParam }),
    initialPageParam: {} as Readonly<Record<string, string>>,
    getNextPageParam: ({ next }) => next,
  });
  useAgain(() => void query.refetch());
  return (
    <>
      <div className="row wrap">
        <h1>Batches</h1>
        <span className="soft hide-phone">newest first</span>
        <span className="grow" />
        <SelectAll {...selection} />
      </div>
      <Filters />
      <section className="panel" aria-label="Batches">
        <Asked query={query}>
          {({ pages }) => (
            <Rows
              key={JSON.stringify(filter)}
              rows={pages.flatMap(({ rows }) => rows)}
              isFiltered={Object.keys(filter).length > 0}
            />
          )}
        </Asked>
      </section>
      <NextPage query={query} />
      <ActOnAll noun="batches" {...selection} />
    </>
  );
}

/** Calls soon after events, and not more often than that. */
function useAgain(act: () => void): void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  useLive("all", () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      latest.current();
    }, againMs);
  });
}

interface Known {
  readonly order: readonly string[];
  readonly byId: ReadonlyMap<string, ListedBatch>;
}

/** The order of rows stays as it was when the list was opened, until somebody asks for the new ones. */
function Rows({ rows, isFiltered }: { readonly rows: readonly ListedBatch[]; readonly isFiltered: boolean }) {
  const navigate = route.useNavigate();
  const [known, setKnown] = useState<Known>(() => knownOf(rows));
  const byId = new Map([...known.byId, ...rows.map((row) => [row.batch_id, row] as const)]);
  const ids = new Set(known.order);
  const oldest = known.byId.get(known.order.at(-1) ?? "")?.created_at ?? "";
  const older = rows.filter(({ batch_id, created_at }) => !ids.has(batch_id) && created_at <= oldest);
  const fresh = rows.filter(({ batch_id, created_at }) => !ids.has(batch_id) && created_at > oldest);
  if (rows.length === 0 && known.order.length === 0)
    return isFiltered ? (
      <Empty title="Nothing matches">
        <button type="button" className="btn" onClick={() => void navigate({ search: {} })}>
          Clear the filters
        </button>
      </Empty>
    ) : (
      <Empty title="No batches yet">
        <p>
          Post one to <code>/task</code>, or try an example in the playground.
        </p>
      </Empty>
    );
  const shown = [...known.order, ...older.map(({ batch_id }) => batch_id)].flatMap((id) => byId.get(id) ?? []);
  return (
    <>
      {fresh.length > 0 && known.order.length > 0 && (
        <button type="button" className="btn plain" style={{ width: "100%" }} onClick={() => setKnown(knownOf(rows))}>
          {countText(fresh.length, "new batch", "new batches")}: show
        </button>
      )}
      <BatchTable batches={known.order.length === 0 ? rows : shown} label="Batches" />
    </>
  );
}

const knownOf = (rows: readonly ListedBatch[]): Known => ({
  order: rows.map(({ batch_id }) => batch_id),
  byId: new Map(rows.map((row) => [row.batch_id, row])),
});
