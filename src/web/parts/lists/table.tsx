// A table of rows: its heads, cells and, where a row has been opened, what lies under it. Everything that is a list of few columns
// is made of it; lists of thousands draw only the rows in sight (screens/batch/lists/rows.tsx).
import { Fragment, type ReactNode } from "react";
import { scrolls } from "./scroll.ts";

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => ReactNode;
  readonly isRight?: boolean;
  /** What is longer than the column is cut. `"rest"`: the column takes what the others leave, and never widens the table. */
  readonly isCut?: boolean | "rest";
  /** Left out on a phone. */
  readonly isWide?: boolean;
  /** The head is for screen readers only. */
  readonly isQuiet?: boolean;
  readonly minWidth?: number;
  /** The whole text of a cell that may be cut. */
  readonly title?: (row: T) => string;
}

interface Props<T> {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string | number;
  /** A row of its own under a row, over all columns; undefined: none. */
  readonly under?: (row: T) => ReactNode;
}

export function Table<T>({ label, rows, columns, keyOf, under }: Props<T>) {
  return (
    <div {...scrolls}>
      <table className="grid" aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" className={classOf(column)} style={{ minWidth: column.minWidth }}>
                {column.isQuiet ? <span className="hidden">{column.head}</span> : column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const below = under?.(row);
            return (
              <Fragment key={keyOf(row)}>
                <tr>
                  {columns.map((column) => (
                    <td key={column.head} className={classOf(column)} title={column.title?.(row)}>
                      {column.cell(row)}
                    </td>
                  ))}
                </tr>
                {below && (
                  <tr>
                    <td colSpan={columns.length} className="under">
                      {below}
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

const classOf = ({ isRight, isCut, isWide }: Pick<Column<never>, "isRight" | "isCut" | "isWide">): string =>
  [isRight && "right num", isCut && "cut", isCut === "rest" && "rest", isWide && "hide-phone"]
    .filter(Boolean)
    .join(" ");
