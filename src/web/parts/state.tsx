// A state as its shape and its word: never by colour alone. The graph draws the same outlines on its canvas.
import type { ReactNode } from "react";
import type { BatchStatus, TaskStatus } from "../../sdk/client.ts";
import { shapeOfBatch, wordOfBatch } from "../data/states.ts";

const line = { stroke: "currentColor" } as const;
const inked = { stroke: "var(--glyph)" } as const;
const fill = { fill: "currentColor" } as const;

const shapes: Readonly<Record<TaskStatus, ReactNode>> = {
  Waiting: <circle cx="8" cy="8" r="6" {...line} strokeDasharray="2.2 2.5" />,
  Pending: (
    <>
      <circle cx="8" cy="8" r="6" {...line} />
      <path d="M8 5v3l2.4 1.4" {...line} />
    </>
  ),
  Claimed: (
    <>
      <circle cx="8" cy="8" r="6" {...line} />
      <path d="M8 2a6 6 0 0 0 0 12z" {...fill} />
    </>
  ),
  Running: (
    <>
      <circle cx="8" cy="8" r="6.6" {...fill} />
      <path d="M6.3 5.2 11 8l-4.7 2.8z" fill="var(--glyph)" />
    </>
  ),
  Retrying: (
    <>
      <path d="M13.6 6.2a6 6 0 1 1-3.4-3.8" {...line} />
      <path d="M10.8.8V4H7.6" {...line} />
    </>
  ),
  Paused: (
    <>
      <rect x="3" y="2.5" width="3.6" height="11" rx="1" {...fill} />
      <rect x="9.4" y="2.5" width="3.6" height="11" rx="1" {...fill} />
    </>
  ),
  Success: (
    <>
      <circle cx="8" cy="8" r="6.6" {...fill} />
      <path d="M5.2 8.2 7.3 10.3 11 6" {...inked} />
    </>
  ),
  Failure: (
    <>
      <rect x="1.6" y="1.6" width="12.8" height="12.8" rx="2.2" {...fill} />
      <path d="m5.3 5.3 5.4 5.4M10.7 5.3l-5.4 5.4" {...inked} />
    </>
  ),
  Canceled: (
    <>
      <circle cx="8" cy="8" r="6" {...line} />
      <path d="m3.8 12.2 8.4-8.4" {...line} />
    </>
  ),
  Skipped: <path d="M3 3.5 7 8l-4 4.5M8.5 3.5l4 4.5-4 4.5" {...line} />,
};

export const colourOf = (state: TaskStatus): string => `var(--${state.toLowerCase()})`;

/** The shape alone; `label` for those who cannot see it, where no word stands beside it. */
export function Shape({ state, label }: { readonly state: TaskStatus; readonly label?: string | undefined }) {
  const name = label === undefined ? { "aria-hidden": true } : { role: "img", "aria-label": label };
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: it is named, or the word stands beside it.
    <svg
      className="shape"
      style={{ "--c": colourOf(state) } as never}
      width="16"
      height="16"
      viewBox="0 0 16 16"
      {...name}
    >
      {shapes[state]}
    </svg>
  );
}

export const State = ({ state, big }: { readonly state: TaskStatus; readonly big?: boolean }) => (
  <span className={big ? "state big" : "state"}>
    <Shape state={state} />
    {state}
  </span>
);

/** A batch that still runs is running, whatever has failed: that is said beside it. */
export const BatchState = ({
  status,
  failed = 0,
  big,
}: {
  readonly status: BatchStatus;
  readonly failed?: number;
  readonly big?: boolean;
}) => (
  <span className={big ? "state big" : "state"}>
    <Shape state={shapeOfBatch[status]} />
    {wordOfBatch[status]}
    {failed > 0 && (status === "running" || status === "paused") && <span className="bad">, {failed} failed</span>}
  </span>
);
