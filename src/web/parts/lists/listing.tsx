// A listing page by page: its columns, and what stands there when it is empty. Asked for again every few seconds, since
// these change without events.
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { baton } from "../../data/session.ts";
import { Asked, Empty } from "../panel.tsx";
import { NextPage } from "./filters.tsx";
import { type Column, Table } from "./table.tsx";

interface Props<T> {
  readonly path: string;
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string | number;
  readonly empty: ReactNode;
  /** How soon it is asked for again. */
  readonly againMs?: number;
}

export function Listing<T>({ path, label, columns, keyOf, empty, againMs = 10_000 }: Props<T>) {
  const query = useInfiniteQuery({
    queryKey: ["listing", path],
    queryFn: ({ pageParam }) => baton().page<T>(path, { page_size: "50", ...pageParam }),
    initialPageParam: {} as Readonly<Record<string, string>>,
    getNextPageParam: ({ next }) => next,
    refetchInterval: againMs,
  });
  return (
    <>
      <section className="panel" aria-label={label}>
        <Asked query={query}>
          {({ pages }) => {
            const rows = pages.flatMap(({ rows: page }) => page);
            return rows.length === 0 ? empty : <Table rows={rows} label={label} columns={columns} keyOf={keyOf} />;
          }}
        </Asked>
      </section>
      <NextPage query={query} text="Show more" />
    </>
  );
}

export const Intro = ({ title, children }: { readonly title: string; readonly children: ReactNode }) => (
  <div>
    <h1>{title}</h1>
    <p className="soft">{children}</p>
  </div>
);

export const Nothing = ({ title, children }: { readonly title: string; readonly children?: ReactNode }) => (
  <Empty title={title}>{children && <p>{children}</p>}</Empty>
);
