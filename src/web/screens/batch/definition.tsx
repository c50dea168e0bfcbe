// A batch as the call that makes it again: to copy, or to change in the playground.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { SquareTerminal } from "lucide-react";
import type { Batch } from "../../../sdk/client.ts";
import { baton } from "../../data/session.ts";
import { Code } from "../../parts/code.tsx";
import { Asked, Panel } from "../../parts/panel.tsx";

export function Definition({ batch }: { readonly batch: Batch }) {
  const query = useQuery({
    queryKey: ["definition", batch.batch_id],
    queryFn: () => baton().definition(batch.batch_id),
  });
  return (
    <Panel
      title="As it would be posted"
      more="with what was added later"
      end={
        <Link className="btn" to="/playground" search={{ batch: batch.batch_id }}>
          <SquareTerminal size={14} aria-hidden="true" /> Change it in the playground
        </Link>
      }
    >
      <div className="body">
        <Asked query={query}>{(definition) => <Code value={definition} label="The definition" />}</Asked>
      </div>
    </Panel>
  );
}
