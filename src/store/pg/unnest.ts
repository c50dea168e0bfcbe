// Rows as one text array for each column: for both sides half the work of a JSON record set, and any number of rows is the
// same statement. `unnest` pairs them again.
export type Scalar = string | number | boolean | Date | null;

export type Column<Field extends string> = readonly [name: string, type: string, field: Field];

/** A column that has the name of its field. */
export const own = <Field extends string>(name: Field, type: string): Column<Field> => [name, type, name];

export const names = (columns: readonly Column<string>[]): string => columns.map(([name]) => name).join(", ");

/** One column of many rows, as the text of a Postgres array. */
export const array = (values: readonly Scalar[]): string => `{${values.map(element).join(",")}}`;

const special = /["\\]/;

function element(value: Scalar): string {
  if (typeof value === "string") return special.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : `"${value}"`;
  if (value === null) return "NULL";
  return value instanceof Date ? value.toISOString() : String(value);
}

/** Types whose texts hold nothing that an array gives a meaning to: without quotes both sides read and write them faster. */
const plain: ReadonlySet<string> = new Set(["uuid", "int", "smallint", "bigint", "float8", "boolean", "task_status"]);

const plainArray = (values: readonly Scalar[]): string =>
  `{${values.map((value) => (value === null ? "NULL" : value)).join(",")}}`;

/** `unnest(...) as u (...)` over these columns; its parameters are appended to `params`. */
export function unnest<Row, Field extends string>(
  params: (string | null)[],
  columns: readonly Column<Field>[],
  rows: readonly Row[],
  read: (row: Row, field: Field) => Scalar = (row, field) => row[field as string as keyof Row] as Scalar,
): string {
  const arrays = columns.map(([, type, field]) => {
    const column = rows.map((row) => read(row, field));
    params.push(plain.has(type) ? plainArray(column) : array(column));
    return `$${params.length}::${type}[]`;
  });
  return `unnest(${arrays.join(", ")}) as u (${columns.map(([name]) => `"${name}"`).join(", ")})`;
}

/** Columns of which one value may stand for all rows. */
export type Shared<Field extends string> = readonly Field[];

/**
 * The same, where many rows are alike: the first of `shared` in whose columns all rows agree has them sent once, as a parameter
 * each: as text, as arrays are, and read once, not once for each row. To parse the text of an array costs Postgres as much as
 * some of its writes. There are few of `shared`, so that there are few statements. Gives what each column is called, and where
 * the others come from.
 */
export function values<Row, Field extends string>(
  params: (string | null)[],
  columns: readonly Column<Field>[],
  rows: readonly Row[],
  shared: readonly Shared<Field>[],
  read: (row: Row, field: Field) => Scalar,
): { readonly names: readonly string[]; readonly from: string } {
  const [first] = rows as [Row];
  const isSame = (field: Field) => rows.every((row) => isEqual(read(row, field), read(first, field)));
  const has = new Set(columns.map(([, , field]) => field));
  const once = new Set(shared.find((fields) => fields.every((field) => !has.has(field) || isSame(field))));
  const names = columns.map(([name, type, field]) =>
    once.has(field) ? `(select $${params.push(textOf(read(first, field)))}::text::${type})` : `u."${name}"`,
  );
  const rest = columns.filter(([, , field]) => !once.has(field));
  return { names, from: unnest(params, rest, rows, read) };
}

const isEqual = (a: Scalar, b: Scalar): boolean =>
  a === b || (a instanceof Date && b instanceof Date && a.getTime() === b.getTime());

const textOf = (value: Scalar): string | null =>
  value === null ? null : value instanceof Date ? value.toISOString() : String(value);

/** Ids as one text parameter: spares building and parsing array types. */
export const idList = (ids: Iterable<string>): string => `{${[...ids].join(",")}}`;
