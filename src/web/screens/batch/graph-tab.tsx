// The graph of a batch, with the selected task beside it.
import { getRouteApi } from "@tanstack/react-router";
import { Graph } from "../../graph/graph.tsx";
import { useSelected } from "./selected.ts";
import { Side } from "./side.tsx";
import type { TabProps } from "./tab-props.ts";

const route = getRouteApi("/batches/$id/{-$tab}");

export function GraphTab({ batch, store, ask }: TabProps) {
  const { hide, q } = route.useSearch();
  const navigate = route.useNavigate();
  const { place, select, open, id } = useSelected(batch, store);
  const put = (change: { readonly hide?: string | undefined; readonly q?: string | undefined }) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true, resetScroll: false });
  return (
    <div className={id === undefined ? "split whole" : "split"}>
      <Graph
        store={store}
        selected={place}
        hide={hide === "success"}
        q={q ?? ""}
        onSelect={select}
        onOpen={open}
        onHide={(isHidden) => put({ hide: isHidden ? "success" : undefined })}
        onSearch={(text) => put({ q: text || undefined })}
      />
      {id !== undefined && <Side id={id} ask={ask} />}
    </div>
  );
}
