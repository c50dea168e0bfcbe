// Notifications as rows that open to their attempts, with replay of those that can be sent again.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronRight, Send } from "lucide-react";
import { useState } from "react";
import type { Delivery, DeliveryStatus, TaskStatus } from "../../../sdk/client.ts";
import { queries } from "../../data/queries.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import { errorText } from "../../parts/error-text.ts";
import { TaskLink } from "../../parts/links.tsx";
import { NextPage } from "../../parts/lists.tsx";
import { Asked, Empty } from "../../parts/panel.tsx";
import { scrolls } from "../../parts/scroll.ts";
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
            return rows.length === 0 ? <Empty title={empty} /> : <Table rows={rows} />;
          }}
        </Asked>
      </section>
      <NextPage query={query} />
    </>
  );
}

const Table = ({ rows }: { readonly rows: readonly Delivery[] }) => (
  <div {...scrolls}>
    <table className="grid" aria-label="Deliveries, newest first">
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col">About</th>
          <th scope="col">Receiver</th>
          <th scope="col" className="right">
            Attempts
          </th>
          <th scope="col">Last answer</th>
          <th scope="col" className="right">
            Created
          </th>
          <th scope="col">
            <span className="hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.id} delivery={row} />
        ))}
      </tbody>
    </table>
  </div>
);

function Row({ delivery }: { readonly delivery: Delivery }) {
  const [isOpen, setOpen] = useState(false);
  const isAllowed = mayOperate(useStore(whoami));
  const { id, task_id, trigger, receiver, status, attempts, next_at, last_status, last_error, created_at } = delivery;
  const Icon = isOpen ? ChevronDown : ChevronRight;
  return (
    <>
      <tr>
        <td>
          <button
            type="button"
            className="btn plain"
            aria-expanded={isOpen}
            aria-label="Show the attempts"
            onClick={() => setOpen(!isOpen)}
          >
            <Icon size={14} />
          </button>
          <span className="state">
            <Shape state={shapes[status]} /> {words[status]}
          </span>
        </td>
        <td className="cut">
          {task_id === null ? "batch complete" : <TaskLink id={task_id} />}{" "}
          <span className="faint">{task_id === null ? "" : trigger}</span>
        </td>
        <td>
          <code>{receiver ?? "nats"}</code>
        </td>
        <td className="right num">{attempts}</td>
        <td className="cut soft" title={last_error ?? ""}>
          {last_status ?? ""} {last_error}
          {status === "pending" && (
            <>
              {" "}
              next <Ago at={next_at} />
            </>
          )}
        </td>
        <td className="right">
          <Time at={created_at} />
        </td>
        <td className="right">
          {isAllowed && status !== "pending" && (
            <button type="button" className="btn" onClick={() => void replay(id)}>
              <Send size={13} aria-hidden="true" /> Replay
            </button>
          )}
        </td>
      </tr>
      {isOpen && <Attempts id={id} />}
    </>
  );
}

async function replay(id: string): Promise<void> {
  try {
    await baton().replay(id);
    say("It is sent again now, under the same key.");
    await queries.invalidateQueries({ queryKey: ["deliveries"] });
  } catch (error) {
    say(errorText(error), true);
  }
}

function Attempts({ id }: { readonly id: string }) {
  const query = useQuery({ queryKey: ["deliveries", "one", id], queryFn: () => baton().delivery(id) });
  return (
    <tr>
      <td colSpan={7} style={{ background: "var(--sunken)" }}>
        <Asked query={query}>
          {({ key, attempts }) => (
            <div>
              <p className="soft">
                Idempotency key <code>{key}</code>
              </p>
              {attempts.length === 0 && <p className="soft">Not tried yet.</p>}
              <ol>
                {attempts.map((attempt, i) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: attempts are only ever added.
                  <li key={i}>
                    <code>{JSON.stringify(attempt)}</code>
                  </li>
                ))}
              </ol>
            </div>
          )}
        </Asked>
      </td>
    </tr>
  );
}
