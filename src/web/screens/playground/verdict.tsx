// What is wrong with the batch that is typed, and what is doubtful, each at its line; and whether it can be submitted.
import { Check, Play } from "lucide-react";
import type { TaskStatus } from "../../../sdk/client.ts";
import { countText } from "../../data/format.ts";
import { Shape } from "../../parts/state.tsx";
import type { Checked } from "./check.ts";
import type { Wrong } from "./reading.ts";

const shownMax = 20;

interface Props {
  readonly checked: Checked;
  readonly submit: { readonly run: () => Promise<void>; readonly canRun: boolean; readonly isAllowed: boolean };
  readonly onLine: (line: number) => void;
}

export function Verdict({ checked, submit, onLine }: Props) {
  const { wrongs, warnings, dryRun, isChecking } = checked;
  const tasks = dryRun?.levels.reduce((sum, level) => sum + level.length, 0) ?? 0;
  return (
    <div
      style={{
        borderTop: "1px solid var(--line)",
        padding: "10px 14px",
        display: "flex",
        flexDirection: "column",
        gap: 8,
      }}
    >
      <ul id="faults" aria-live="polite" style={{ maxHeight: 130, overflow: "auto" }}>
        {wrongs.slice(0, shownMax).map((wrong) => (
          <Said key={`${wrong.line} ${wrong.said}`} {...wrong} state="Failure" onLine={onLine} />
        ))}
        {wrongs.length > shownMax && <li className="soft">and {wrongs.length - shownMax} more</li>}
        {warnings.map((warning) => (
          <Said key={warning.said} {...warning} state="Retrying" onLine={onLine} />
        ))}
      </ul>
      <div className="row wrap">
        <span className="soft row" style={{ gap: 6 }} role="status">
          {wrongs.length === 0 && dryRun !== undefined && !isChecking && (
            <>
              <Check size={14} aria-hidden="true" /> {countText(tasks, "task")} on{" "}
              {countText(dryRun.levels.length, "level")}
              {dryRun.deduplicated.length > 0 && `, ${dryRun.deduplicated.length} left out as duplicates`}
            </>
          )}
          {wrongs.length > 0 && countText(wrongs.length, "fault")}
          {isChecking && wrongs.length === 0 && "checking…"}
        </span>
        <span className="grow" />
        <button
          type="button"
          className="btn first"
          disabled={!submit.canRun}
          onClick={() => void submit.run()}
          title={submit.isAllowed ? "Ctrl Enter" : "Your token may look only"}
        >
          <Play size={14} aria-hidden="true" /> Submit
        </button>
      </div>
    </div>
  );
}

interface SaidProps extends Wrong {
  readonly state: TaskStatus;
  readonly onLine: (line: number) => void;
}

const Said = ({ line, said, state, onLine }: SaidProps) => (
  <li className="row" style={{ gap: 8, alignItems: "flex-start", padding: "1px 0" }}>
    <Shape state={state} label={state === "Failure" ? "Fault" : "Warning"} />
    <button type="button" className="link num" onClick={() => onLine(line)}>
      line {line}
    </button>
    <span style={{ overflowWrap: "anywhere" }}>{said}</span>
  </li>
);
