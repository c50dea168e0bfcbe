// Notifications of all batches: those that were given up are what a person looks for.
import { getRouteApi } from "@tanstack/react-router";
import { selectionOf } from "../../data/search.ts";
import { FilterChips, StateChoice } from "../../parts/lists/filters.tsx";
import { Intro } from "../../parts/lists/listing.tsx";
import { usePage } from "../../shell/page.tsx";
import { ActOnAll, SelectAll } from "../bulk/act-on-all.tsx";
import { DeliveryList } from "./delivery-list.tsx";

const route = getRouteApi("/deliveries");
const choices = [
  ...([
    ["All", undefined],
    ["Given up", "exhausted"],
    ["Pending", "pending"],
    ["Arrived", "success"],
  ] as const),
];
const fields = ["receiver", "batch_id", "task_id"] as const;

export function Deliveries() {
  usePage([{ text: "Deliveries" }]);
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const selection = selectionOf(search, navigate);
  const { filter } = selection;
  return (
    <>
      <Intro title="Deliveries">
        Notifications that a task or a batch has ended. Each is sent until it arrives or is given up; then it can be
        sent again under the same key.
      </Intro>
      <div className="row wrap">
        <StateChoice to="/deliveries" search={search} choices={choices} />
        <FilterChips
          fields={fields}
          search={search}
          onRemove={(field) => void navigate({ search: { ...search, [field]: undefined } })}
        />
        <span className="grow" />
        <SelectAll {...selection} />
      </div>
      <DeliveryList
        filter={filter}
        empty={search.status === "exhausted" ? "None was given up" : "No notifications yet"}
      />
      <ActOnAll noun="deliveries" {...selection} />
    </>
  );
}
