// Where the time went: for each attempt how long the task was in each state, on one axis.
import type { Task, TaskEvent, TaskStatus } from "../../../sdk/client.ts";
import { durationText } from "../../data/format.ts";
import { isFinalState } from "../../data/states.ts";
import { Panel } from "../../parts/panel.tsx";
import { colourOf } from "../../parts/state.tsx";
import { useNow } from "../../parts/time.tsx";

interface Part {
  readonly state: TaskStatus;
  readonly attempt: number;
  readonly from: number;
  readonly to: number;
}

/** From the events: a state lasts from the event that led to it to the next one. */
function partsOf(task: Task, events: readonly TaskEvent[], now: number): Part[] {
  const moves = events.filter(({ from, to }) => from !== to);
  const parts: Part[] = [];
  let at = Date.parse(task.created_at);
  let [state, attempt]: [TaskStatus, number] = [moves[0]?.from ?? task.status, moves[0]?.attempt ?? task.attempt];
  for (const move of moves) {
    const to = Date.parse(move.at);
    if (to > at) parts.push({ state, attempt, from: at, to });
    [at, state, attempt] = [to, move.to, move.attempt];
  }
  if (!isFinalState(state) && now > at) parts.push({ state, attempt, from: at, to: now });
  return parts;
}

const isWaiting = (state: TaskStatus): boolean =>
  state === "Waiting" || state === "Pending" || state === "Retrying" || state === "Paused";

export function Spent({ task, events }: { readonly task: Task; readonly events: readonly TaskEvent[] }) {
  const now = useNow();
  const parts = partsOf(task, events, now);
  const [from, to] = [parts[0]?.from ?? 0, parts.at(-1)?.to ?? 0];
  if (to <= from) return null;
  const attempts = [...new Set(parts.map(({ attempt }) => attempt))].slice(-20);
  const percent = (ms: number) => `${(ms / (to - from)) * 100}%`;
  const shown = [...new Set(parts.map(({ state }) => state))];
  return (
    <Panel title="Where the time went" more={`${durationText(to - from)} in all`}>
      <div className="body">
        {attempts.map((attempt) => (
          <div key={attempt} className="row" style={{ padding: "2px 0" }}>
            <span style={{ width: 74 }}>attempt {attempt + 1}</span>
            <span className="track grow">
              {parts
                .filter((part) => part.attempt === attempt)
                .map((part) => (
                  <i
                    key={part.from}
                    className={isWaiting(part.state) ? "dash" : ""}
                    title={`${part.state} ${durationText(part.to - part.from)}`}
                    style={
                      {
                        "--c": colourOf(part.state),
                        left: percent(part.from - from),
                        width: percent(part.to - part.from),
                      } as never
                    }
                  />
                ))}
            </span>
          </div>
        ))}
        <ul className="row wrap soft" style={{ gap: "2px 14px", paddingTop: 6, fontSize: 12 }}>
          {shown.map((state) => (
            <li key={state} className="row" style={{ gap: 5 }}>
              <svg width="12" height="10" aria-hidden="true">
                <rect
                  x=".5"
                  y=".5"
                  width="11"
                  height="9"
                  rx="2"
                  fill={isWaiting(state) ? "none" : colourOf(state)}
                  stroke={colourOf(state)}
                />
              </svg>
              {state}{" "}
              {durationText(
                parts.filter((part) => part.state === state).reduce((sum, part) => sum + part.to - part.from, 0),
              )}
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  );
}
