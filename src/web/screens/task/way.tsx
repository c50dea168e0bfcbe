// The machine of a task, from data that is made of the machine itself, with the way that this one took: what it passed is drawn
// strongly, with how often where that is more than once.
import type { Task, TaskEvent, TaskStatus } from "../../../sdk/client.ts";
import { moves as possible } from "../../data/machine.ts";
import { states } from "../../data/states.ts";
import { scrolls } from "../../parts/lists/scroll.ts";
import { Panel } from "../../parts/panel.tsx";
import { Shape } from "../../parts/state.tsx";

const [boxW, boxH] = [98, 28];

const places: Readonly<Record<TaskStatus, readonly [x: number, y: number]>> = {
  ...{ Waiting: [2, 46], Pending: [130, 46], Claimed: [258, 46], Running: [386, 46] },
  ...{ Success: [530, 4], Failure: [530, 46], Skipped: [530, 88], Canceled: [530, 130] },
  ...{ Paused: [66, 118], Retrying: [258, 118] },
};

/** Which events lead from one state to another. Every unfinished state takes these two, and their arrows would hide the others. */
const arrows = new Map<string, string[]>();
for (const [from, event, to] of possible)
  if (event !== "cancel" && event !== "override")
    arrows.set(`${from} ${to}`, [...(arrows.get(`${from} ${to}`) ?? []), event.replaceAll("_", " ")]);

export function Way({ task, events }: { readonly task: Task; readonly events: readonly TaskEvent[] }) {
  const moves = events.filter(({ from, to }) => from !== to);
  const counts = new Map<string, number>();
  for (const { from, to } of moves) counts.set(`${from} ${to}`, (counts.get(`${from} ${to}`) ?? 0) + 1);
  const seen = new Set<TaskStatus>([task.status, ...moves.flatMap(({ from, to }) => [from, to])]);
  const said = [moves[0]?.from ?? task.status, ...moves.map(({ to }) => to)].join(", ");
  return (
    <Panel
      title="Its machine, and the way so far"
      more={`${moves.length} ${moves.length === 1 ? "transition" : "transitions"}`}
      className="hide-phone"
    >
      <div {...scrolls} className="body scroll">
        <svg
          className="machine"
          viewBox="0 0 632 162"
          width="632"
          height="162"
          role="img"
          aria-label={`States passed: ${said}`}
        >
          <defs>
            <marker id="head" viewBox="0 0 8 8" refX="6.5" refY="4" markerWidth="7" markerHeight="7" orient="auto">
              <path d="M1 1l6 3-6 3" fill="none" stroke="var(--text)" strokeWidth="1.4" />
            </marker>
          </defs>
          {[...arrows.keys()].map((move) => (
            <Move key={move} {...endsOf(move)} count={0} />
          ))}
          {[...counts].map(([move, count]) => (
            <Move key={move} {...endsOf(move)} count={count} />
          ))}
          {states.map((state) => (
            <Box key={state} state={state} isNow={state === task.status} wasSeen={seen.has(state)} />
          ))}
        </svg>
      </div>
    </Panel>
  );
}

function endsOf(move: string): { readonly from: TaskStatus; readonly to: TaskStatus } {
  const [from, to] = move.split(" ") as [TaskStatus, TaskStatus];
  return { from, to };
}

/** `count`: how often it went that way; 0 is drawn as what could have been. */
function Move({ from, to, count }: { readonly from: TaskStatus; readonly to: TaskStatus; readonly count: number }) {
  const [[x1, y1], [x2, y2]] = [places[from], places[to]];
  const isForward = x2 >= x1 + boxW;
  const start = isForward ? [x1 + boxW, y1 + boxH / 2] : [x1 + boxW / 2, y2 > y1 ? y1 + boxH : y1];
  const end = isForward ? [x2 - 1, y2 + boxH / 2] : [x2 + boxW / 2, y2 > y1 ? y2 - 1 : y2 + boxH + 1];
  const [sx = 0, sy = 0] = start;
  const [ex = 0, ey = 0] = end;
  const isFar = isForward && x2 - x1 > 140 && y1 === y2;
  const bend = isFar
    ? `C${sx + 30} ${sy - 52} ${ex - 30} ${ey - 52} ${ex} ${ey}`
    : isForward
      ? `C${sx + 16} ${sy} ${ex - 16} ${ey} ${ex} ${ey}`
      : `C${sx} ${(sy + ey) / 2} ${ex} ${(sy + ey) / 2} ${ex} ${ey}`;
  return (
    <>
      <path
        d={`M${sx} ${sy}${bend}`}
        {...(count === 0
          ? { className: "could", strokeWidth: 1 }
          : { stroke: "var(--text)", strokeWidth: 1.7, markerEnd: "url(#head)" })}
        fill="none"
      >
        <title>{`${from} to ${to}: ${arrows.get(`${from} ${to}`)?.join(", ") ?? "cancel or override"}`}</title>
      </path>
      {count > 1 && (
        <text x={(sx + ex) / 2} y={(sy + ey) / 2 - 7} textAnchor="middle" style={{ fontSize: 11, fill: "var(--soft)" }}>
          {count}×
        </text>
      )}
    </>
  );
}

function Box({
  state,
  isNow,
  wasSeen,
}: {
  readonly state: TaskStatus;
  readonly isNow: boolean;
  readonly wasSeen: boolean;
}) {
  const [x, y] = places[state];
  return (
    <g transform={`translate(${x} ${y})`}>
      <rect
        width={boxW}
        height={boxH}
        rx="6"
        fill={isNow ? "var(--sunken)" : "var(--panel)"}
        stroke={wasSeen ? "var(--text)" : "var(--line)"}
        strokeWidth={isNow ? 2.2 : 1.2}
      />
      <g opacity={wasSeen ? 1 : 0.5}>
        <g transform="translate(8 6)">
          <Shape state={state} />
        </g>
        <text x="30" y="18.5" fontWeight={isNow ? 620 : 400}>
          {state}
        </text>
      </g>
    </g>
  );
}
