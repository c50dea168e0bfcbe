// Notifications as rows that open to their attempts, with replay of those that can be sent again.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronRight, Send } from "lucide-react";
import { useState } from "react";
import type { Delivery, DeliveryAttempt, DeliveryStatus, TaskStatus } from "../../../sdk/client.ts";
import { durationText } from "../../data/format.ts";
import { queries } from "../../data/queries.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import { errorText } from "../../parts/error-text.ts";
import { TaskLink } from "../../parts/links.tsx";
import { NextPage } from "../../parts/lists/filters.tsx";
import { type Column, Table } from "../../parts/lists/table.tsx";
import { Asked, Empty } from "../../parts/panel.tsx";
import { Shape } from "../../parts/state.tsx";
import { Ago, Time } from "../../parts/time.tsx";
import { say } from "../../parts/toast.tsx";

const shapes: Readonly<Record<DeliveryStatus, TaskStatus>> = {
  pending: "Pending",
  success: "Success",
  exhausted: "Failure",
};
const words: Readonly<Record<DeliveryStatus, string>> = {
  pending: "Pending",
  success: "Arrived",
  exhausted: "Given up",
};

export function DeliveryList({
  filter,
  empty,
}: {
  readonly filter: Readonly<Record<string, string>>;
  readonly empty: string;
}) {
  const query = useInfiniteQuery({
    queryKey: ["deliveries", filter],
    queryFn: ({ pageParam }) => baton().deliveryPage({ ...filter, page_size: "50", ...pageParam }),
    initialPageParam: {} as Readonly<Record<string, string>>,
    getNextPageParam: ({ next }) => next,
  });
  return (
    <>
      <section className="panel" aria-label="Deliveries">
        <Asked query={query}>
          {({ pages }) => {
            const rows = pages.flatMap(({ rows }) => rows);
            return rows.length === 0 ? <Empty title={empty} /> : <Deliveries rows={rows} />;
          }}
        </Asked>
      </section>
      <NextPage query={query} />
    </>
  );
}

function Deliveries({ rows }: { readonly rows: readonly Delivery[] }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const isAllowed = mayOperate(useStore(whoami));
  const toggle = (id: string) => setOpen(new Set(open.has(id) ? [...open].filter((one) => one !== id) : [...open, id]));
  return (
    <Table
      label="Deliveries, newest first"
      rows={rows}
      columns={columnsFor({ open, toggle, isAllowed })}
      keyOf={({ id }) => id}
      under={({ id }) => open.has(id) && <Attempts id={id} />}
    />
  );
}

interface Given {
  readonly open: ReadonlySet<string>;
  readonly toggle: (id: string) => void;
  readonly isAllowed: boolean;
}

const columnsFor = ({ open, toggle, isAllowed }: Given): readonly Column<Delivery>[] => [
  {
    head: "State",
    cell: ({ id, status }) => (
      <>
        <button
          type="button"
          className="btn plain"
          aria-expanded={open.has(id)}
          aria-label="Show the attempts"
          onClick={() => toggle(id)}
        >
          {open.has(id) ? <ChevronDown size={14} /> : <ChevronRight size={14} />}
        </button>
        <span className="state">
          <Shape state={shapes[status]} /> {words[status]}
        </span>
      </>
    ),
  },
  {
    head: "About",
    cell: ({ task_id, trigger }) =>
      task_id === null ? (
        "batch complete"
      ) : (
        <>
          <TaskLink id={task_id} /> <span className="faint">{trigger}</span>
        </>
      ),
    isCut: true,
  },
  { head: "Receiver", cell: ({ receiver }) => <code>{receiver ?? "nats"}</code> },
  { head: "Attempts", cell: ({ attempts }) => attempts, isRight: true },
  {
    head: "Last answer",
    cell: ({ last_status, last_error, status, next_at }) => (
      <span className="soft">
        {last_status ?? ""} {last_error}
        {status === "pending" && (
          <>
            {" "}
            next <Ago at={next_at} />
          </>
        )}
      </span>
    ),
    title: ({ last_error }) => last_error ?? "",
    isCut: "rest",
  },
  { head: "Created", cell: ({ created_at }) => <Time at={created_at} />, isRight: true },
  {
    ...{ head: "Actions", isQuiet: true, isRight: true },
    cell: ({ id, status }) =>
      isAllowed &&
      status !== "pending" && (
        <button type="button" className="btn" onClick={() => void replay(id)}>
          <Send size={13} aria-hidden="true" /> Replay
        </button>
      ),
  },
];

async function replay(id: string): Promise<void> {
  try {
    await baton().replay(id);
    say("It is sent again now, under the same key.");
    await queries.invalidateQueries({ queryKey: ["deliveries"] });
  } catch (error) {
    say(errorText(error), true);
  }
}

const attemptColumns: readonly Column<DeliveryAttempt>[] = [
  { head: "Try", cell: ({ n }) => n, isRight: true },
  { head: "When", cell: ({ at }) => <Time at={at} /> },
  { head: "Answer", cell: ({ status }) => <code>{status ?? "none"}</code> },
  { head: "Took", cell: ({ duration_ms }) => durationText(duration_ms), isRight: true },
  {
    head: "What was said",
    cell: ({ error, answer }) => <span className="soft">{error ?? answer ?? ""}</span>,
    title: ({ error, answer }) => error ?? answer ?? "",
    isCut: "rest",
  },
];

function Attempts({ id }: { readonly id: string }) {
  const query = useQuery({ queryKey: ["deliveries", "one", id], queryFn: () => baton().delivery(id) });
  return (
    <Asked query={query}>
      {({ key, attempts }) => (
        <div>
          <p className="soft">
            Idempotency key <code>{key}</code>
          </p>
          {attempts.length === 0 ? (
            <p className="soft">Not tried yet.</p>
          ) : (
            <Table label="Attempts to deliver" rows={attempts} columns={attemptColumns} keyOf={({ n }) => n} />
          )}
        </div>
      )}
    </Asked>
  );
}
