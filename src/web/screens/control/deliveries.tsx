// Notifications of all batches: those that were given up are what a person looks for.
import { getRouteApi, Link } from "@tanstack/react-router";
import { filterOf } from "../../data/search.ts";
import { FilterChips } from "../../parts/lists/filters.tsx";
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
  const { sel, ...wanted } = search;
  const filter = filterOf(wanted);
  const selection = {
    ...{ isOn: sel === "all", filter },
    onSelect: (isOn: boolean) => void navigate({ search: { ...wanted, sel: isOn ? "all" : undefined }, replace: true }),
  };
  return (
    <>
      <Intro title="Deliveries">
        Notifications that a task or a batch has ended. Each is sent until it arrives or is given up; then it can be
        sent again under the same key.
      </Intro>
      <div className="row wrap">
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a layout of its own. */}
        <span className="seg" role="group" aria-label="State">
          {choices.map(([text, status]) => (
            <Link
              key={text}
              to="/deliveries"
              search={{ ...search, status }}
              className={search.status === status ? "on" : undefined}
              activeProps={{}}
            >
              {text}
            </Link>
          ))}
        </span>
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
