// The bar of states of a batch: what failed is red and comes first.
import type { TaskStatus } from "../../sdk/client.ts";
import { numberText } from "../data/format.ts";
import { barOrder } from "../data/states.ts";
import { colourOf } from "./state.tsx";

export type Counts = Partial<Record<TaskStatus, number>>;

export function Bar({ counts }: { readonly counts: Counts }) {
  const shown = barOrder.filter((state) => (counts[state] ?? 0) > 0);
  const said = shown.map((state) => `${numberText(counts[state] ?? 0)} ${state}`).join(", ");
  return (
    <div className="bar" role="img" aria-label={said || "No tasks"} title={said}>
      {shown.map((state) => (
        <i key={state} style={{ "--c": colourOf(state), flex: counts[state] } as never} />
      ))}
    </div>
  );
}
