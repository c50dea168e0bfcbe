// How far a bulk operation is: a bar of what was taken, passed over and failed, with the numbers beside it.
import type { BulkOperation, TaskStatus } from "../../../sdk/client.ts";
import { numberText } from "../../data/format.ts";
import { Shape } from "../../parts/state.tsx";

const stateShapes: Readonly<Record<BulkOperation["state"], TaskStatus>> = {
  ...{ collecting: "Pending", running: "Running", done: "Success", stopped: "Canceled" },
};
const stateWords: Readonly<Record<BulkOperation["state"], string>> = {
  ...{ collecting: "Finding what matches", running: "Running", done: "Done", stopped: "Stopped" },
};

export const isOver = ({ state }: Pick<BulkOperation, "state">): boolean => state === "done" || state === "stopped";

export const BulkState = ({
  operation,
  isBig = false,
}: {
  readonly operation: BulkOperation;
  readonly isBig?: boolean;
}) => (
  <span className={isBig ? "state big" : "state"}>
    <Shape state={stateShapes[operation.state]} />
    {stateWords[operation.state]}
    {operation.failed > 0 && <span className="bad">, {numberText(operation.failed)} failed</span>}
  </span>
);

export function BulkBar({ operation: { matched, done, skipped, failed } }: { readonly operation: BulkOperation }) {
  const total = Math.max(1, matched ?? done + skipped + failed);
  const left = Math.max(0, total - done - skipped - failed);
  const said = `${numberText(done)} taken, ${numberText(skipped)} skipped, ${numberText(failed)} failed of ${matched === null ? "a number not known yet" : numberText(matched)}`;
  return (
    <span className="row" style={{ minWidth: 190 }}>
      <span className="bar grow" role="img" aria-label={said} title={said}>
        {done > 0 && <i style={{ "--c": "var(--success)", flex: done } as never} />}
        {skipped > 0 && <i style={{ "--c": "var(--skipped)", flex: skipped } as never} />}
        {failed > 0 && <i style={{ "--c": "var(--failure)", flex: failed } as never} />}
        <span style={{ flex: left }} />
      </span>
      <span className="num">
        {numberText(done + skipped + failed)} / {matched === null ? "?" : numberText(matched)}
      </span>
    </span>
  );
}
