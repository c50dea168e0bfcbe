// The services that are called: whether they answer, how many calls are open, and how much waits for them.
import { Link } from "@tanstack/react-router";
import type { Receiver, TaskStatus } from "../../../sdk/client.ts";
import { numberText } from "../../data/format.ts";
import { Intro, Listing, Nothing } from "../../parts/lists/listing.tsx";
import type { Column } from "../../parts/lists/table.tsx";
import { Shape } from "../../parts/state.tsx";
import { Ago, Time } from "../../parts/time.tsx";
import { usePage } from "../../shell/page.tsx";

const shapes: Readonly<Record<Receiver["circuit"], TaskStatus>> = {
  closed: "Success",
  open: "Failure",
  half_open: "Retrying",
};

const columns: readonly Column<Receiver>[] = [
  {
    head: "Receiver",
    cell: ({ receiver, circuit }) => (
      <span className="state">
        <Shape state={shapes[circuit]} /> {receiver}
      </span>
    ),
  },
  {
    head: "Health",
    cell: ({ circuit, until }) =>
      circuit === "closed" ? (
        "is called"
      ) : (
        <span>
          {circuit === "open" ? "not called" : "being tried"}, next try <Ago at={until} />
        </span>
      ),
  },
  { head: "Open calls", cell: ({ calls_open }) => numberText(calls_open), isRight: true },
  { head: "Waiting", cell: ({ waiting }) => numberText(waiting), isRight: true },
  { head: "Last call", cell: ({ at }) => <Time at={at} />, isRight: true },
  {
    head: "Last error",
    cell: ({ last_error }) => <span className="soft">{last_error ?? "none lately"}</span>,
    isCut: "rest",
  },
  {
    head: "Deliveries",
    cell: ({ receiver }) => (
      <Link className="link" to="/deliveries" search={{ receiver }}>
        see them
      </Link>
    ),
  },
];

export function Receivers() {
  usePage([{ text: "Receivers" }]);
  return (
    <>
      <Intro title="Receivers">
        Whom Baton called in the last day, or has calls for. One that cannot be reached is not called until a test call
        succeeds; its tasks wait meanwhile, and no other receiver is held up.
      </Intro>
      <Listing
        path="/receivers"
        label="Receivers"
        columns={columns}
        keyOf={({ receiver }) => receiver}
        empty={<Nothing title="Nobody was called in the last day" />}
      />
    </>
  );
}
