// The figures of the overview: tiles, rates, and what waits for what.
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Overview, TaskStatus, WaitingCounts } from "../../../sdk/client.ts";
import { durationText, numberText } from "../../data/format.ts";
import { Panel } from "../../parts/panel.tsx";
import { colourOf, Shape } from "../../parts/state.tsx";
import { useNow } from "../../parts/time.tsx";

const route = getRouteApi("/");

const waitingSum = ({ waiting }: Overview): number => Object.values(waiting).reduce((sum, n) => sum + n, 0);

function Tile({ state, name, figure, more }: { state: TaskStatus; name: string; figure: ReactNode; more: string }) {
  return (
    <>
      <span>
        <Shape state={state} />
        {name}
      </span>
      <b>{figure}</b>
      <small>{more}</small>
    </>
  );
}

export function Tiles({ figures }: { readonly figures: Overview }) {
  const now = useNow();
  const { last_minute: minute, last_hour: hour, oldest_ready_at: oldest } = figures;
  const perSecond = (n: number) => `${(n / 60).toFixed(n >= 600 ? 0 : 1)} /s`;
  return (
    <section className="panel tiles" aria-label="Now">
      <Link className="tile" to="/tasks" search={{ status: "Running,Claimed" }}>
        <Tile state="Running" name="Running" figure={numberText(figures.running)} more="tasks, now" />
      </Link>
      <Link className="tile" to="/tasks" search={{ status: "Waiting,Pending,Retrying,Paused" }}>
        <Tile state="Waiting" name="Waiting" figure={numberText(waitingSum(figures))} more="why: below" />
      </Link>
      <Link className="tile" to="/tasks" search={{ status: "Failure" }}>
        <Tile
          state="Failure"
          name="Failed, last hour"
          figure={numberText(hour.failures)}
          more={`${numberText(minute.failures)} in the last minute`}
        />
      </Link>
      <Link className="tile" to="/tasks" search={{ status: "Pending" }}>
        <Tile
          state="Pending"
          name="Oldest that is ready"
          figure={oldest === null ? "–" : durationText(Math.max(0, now - Date.parse(oldest)))}
          more={oldest === null ? "nothing is ready" : "since it could start"}
        />
      </Link>
      <Link className="tile" to="/tasks">
        <Tile
          state="Claimed"
          name="Starts"
          figure={perSecond(minute.starts)}
          more={`${perSecond(minute.successes + minute.failures)} ended`}
        />
      </Link>
      <Link className="tile" to="/deliveries" search={{ status: "exhausted" }}>
        <Tile
          state="Retrying"
          name="Not delivered"
          figure={numberText(figures.exhausted)}
          more={figures.exhausted === 0 ? "all notified" : "given up: replay"}
        />
      </Link>
    </section>
  );
}

const rates = [
  ...([
    ["starts", "Starts", "Claimed"],
    ["successes", "Succeeded", "Success"],
    ["failures", "Failed", "Failure"],
  ] as const),
];

export function Rates({ figures }: { readonly figures: Overview }) {
  const { window: asked } = route.useSearch();
  const isHour = asked === "hour";
  const values = isHour ? figures.last_hour : figures.last_minute;
  const most = Math.max(1, ...Object.values(values));
  return (
    <Panel
      title="Starts and ends"
      more={isHour ? "in the last hour" : "in the last minute"}
      end={<WindowSwitch isHour={isHour} />}
    >
      <div style={{ padding: "8px 0" }}>
        {rates.map(([key, text, state]) => (
          <div key={key} className="hbar">
            <span>{text}</span>
            <i style={{ "--c": colourOf(state), width: `${(values[key] / most) * 100}%` } as never} />
            <span className="num right">{numberText(values[key])}</span>
          </div>
        ))}
      </div>
    </Panel>
  );
}

const WindowSwitch = ({ isHour }: { readonly isHour: boolean }) => (
  // biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a layout of its own.
  <span className="seg" role="group" aria-label="Of which time">
    <Link to="/" search={{}} replace className={isHour ? undefined : "on"} activeProps={{}}>
      1 min
    </Link>
    <Link to="/" search={{ window: "hour" }} replace className={isHour ? "on" : undefined} activeProps={{}}>
      1 h
    </Link>
  </span>
);

/** What waits for what, with the colour of its nearest state and the tasks that it counts. */
const reasons: readonly (readonly [keyof WaitingCounts, string, TaskStatus, string])[] = [
  ...([
    ["dependency", "Parents not finished", "Waiting", "Waiting"],
    ["rule", "A rule is full", "Paused", "Pending"],
  ] as const),
  ...([
    ["circuit", "Receiver is down", "Failure", "Pending"],
    ["unreachable", "Receiver unreachable", "Failure", "Pending"],
  ] as const),
  ...([
    ["backoff", "Back-off", "Retrying", "Retrying"],
    ["run_at", "Not due yet", "Pending", "Pending"],
  ] as const),
  ...([
    ["paused", "Paused", "Paused", "Paused"],
    ["ready", "Ready for a worker", "Claimed", "Pending"],
  ] as const),
];

export function Waits({ figures }: { readonly figures: Overview }) {
  const sum = waitingSum(figures);
  const most = Math.max(1, ...Object.values(figures.waiting));
  const shown = reasons.filter(([key]) => figures.waiting[key] > 0);
  return (
    <Panel title={sum === 0 ? "Nothing waits" : `Why ${numberText(sum)} ${sum === 1 ? "task waits" : "tasks wait"}`}>
      <div style={{ padding: "8px 0" }}>
        {shown.map(([key, text, state, status]) => (
          <Link key={key} className="hbar" to="/tasks" search={{ status }}>
            <span>{text}</span>
            <i style={{ "--c": colourOf(state), width: `${(figures.waiting[key] / most) * 100}%` } as never} />
            <span className="num right">{numberText(figures.waiting[key])}</span>
          </Link>
        ))}
        {shown.length === 0 && (
          <p className="soft" style={{ padding: "4px 14px" }}>
            Every task has ended or runs.
          </p>
        )}
      </div>
    </Panel>
  );
}
