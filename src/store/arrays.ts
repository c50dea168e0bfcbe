// Rows as one text array for each column: for both sides half the work of a JSON record set, and any number of rows is the
// same statement. `unnest` pairs them again.
export type Scalar = string | number | boolean | Date | null;

export type Column<Field extends string> = readonly [name: string, type: string, field: Field];

/** One column of many rows, as the text of a Postgres array. */
export const array = (values: readonly Scalar[]): string => `{${values.map(element).join(",")}}`;

const special = /["\\]/;

function element(value: Scalar): string {
  if (typeof value === "string") return special.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : `"${value}"`;
  if (value === null) return "NULL";
  return value instanceof Date ? value.toISOString() : String(value);
}

/** `unnest(...) as u (...)` over these columns; its parameters are appended to `params`. */
export function unnest<Row, Field extends string>(
  params: string[],
  columns: readonly Column<Field>[],
  rows: readonly Row[],
  read: (row: Row, field: Field) => Scalar = (row, field) => row[field as string as keyof Row] as Scalar,
): string {
  const arrays = columns.map(([, type, field]) => {
    params.push(array(rows.map((row) => read(row, field))));
    return `$${params.length}::${type}[]`;
  });
  return `unnest(${arrays.join(", ")}) as u (${columns.map(([name]) => name).join(", ")})`;
}

/** Ids as one text parameter: spares building and parsing array types. */
export const idList = (ids: Iterable<string>): string => `{${[...ids].join(",")}}`;
