// A listing as a table: its columns, its pages, and what stands there when it is empty. Asked for again every few seconds, since
// these change without events.
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { baton } from "../../data/session.ts";
import { NextPage } from "../../parts/lists.tsx";
import { Asked, Empty } from "../../parts/panel.tsx";
import { scrolls } from "../../parts/scroll.ts";

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => ReactNode;
  readonly isRight?: boolean;
  readonly isCut?: boolean;
}

interface Props<T> {
  readonly path: string;
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string | number;
  readonly empty: ReactNode;
}

const againMs = 10_000;

export function Listing<T>({ path, label, columns, keyOf, empty }: Props<T>) {
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

function Table<T>({
  rows,
  label,
  columns,
  keyOf,
}: Pick<Props<T>, "label" | "columns" | "keyOf"> & { readonly rows: readonly T[] }) {
  return (
    <div {...scrolls}>
      <table className="grid" aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ head, isRight }) => (
              <th key={head} scope="col" className={isRight ? "right" : ""}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ head, cell, isRight, isCut }) => (
                <td key={head} className={`${isRight ? "right num" : ""} ${isCut ? "cut" : ""}`}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
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
