// Writes src/sdk/operations.ts from the table of operations, so that a client can make every call of the API, typed, the day the
// server has it. A test compares the committed file with what this renders.
import { refOf } from "../src/http/docs/components.ts";
import type { Answer, Operation } from "../src/http/operations/operation.ts";
import { table } from "../src/http/operations/table.ts";

export const sdkOperationsPath = "src/sdk/operations.ts";

export function renderSdkOperations(): string {
  const rows = table.filter(([, op]) => isCall(op));
  const names = new Set(rows.flatMap(([, op]) => [...typesOf(op)]));
  const lines = [
    "// Every call of the API, with what it takes and gives.",
    "// Generated from the table of operations by `npm run docs`; do not edit.",
    `import type { ${[...names].toSorted().join(", ")} } from "./types.ts";`,
    "",
    "export interface Operations {",
    ...rows.flatMap(([id, op]) => [
      `  /** ${op.summary}: \`${op.method.toUpperCase()} ${op.path}\`. */`,
      `  readonly ${id}: {`,
      `    readonly path: ${unionOf([...op.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name))};`,
      `    readonly query: ${unionOf(Object.keys(op.query ?? {}))};`,
      `    readonly body: ${op.body ? nameOf(op.body.schema) : "undefined"};`,
      `    readonly answer: ${answersOf(op)};`,
      "  };",
    ]),
    "}",
    "",
    "export const operations: { readonly [Id in keyof Operations]: readonly [method: string, path: string] } = {",
    ...rows.map(([id, { method, path }]) => `  ${id}: ["${method.toUpperCase()}", "${path}"],`),
    "};",
  ];
  return `${lines.join("\n")}\n`;
}

/** Pages and streams are none. */
const isCall = ({ answers }: Operation): boolean =>
  successes(answers).length > 0 &&
  successes(answers).every(({ type }) => type === undefined || !/^text\/(html|event-stream)/.test(type));

const successes = (answers: Operation["answers"]): Answer[] =>
  Object.entries(answers).flatMap(([status, answer]) => (status.startsWith("2") ? [answer] : []));

const nameOf = (schema: Parameters<typeof refOf>[0]): string => String(refOf(schema).$ref).replace(/^.*\//, "");

function answersOf({ answers }: Operation): string {
  const types = successes(answers).map(({ schema, listOf, type }) => {
    if (schema) return nameOf(schema);
    if (listOf) return `readonly ${nameOf(listOf)}[]`;
    return type?.includes("json") ? "unknown" : type ? "string" : "undefined";
  });
  return [...new Set(types)].join(" | ");
}

function typesOf({ body, answers }: Operation): string[] {
  const all = [
    ...(body ? [body.schema] : []),
    ...successes(answers).flatMap(({ schema, listOf }) => schema ?? listOf ?? []),
  ];
  return all.map(nameOf);
}

const unionOf = (names: readonly string[]): string =>
  names.length === 0 ? "never" : names.map((name) => JSON.stringify(name)).join(" | ");
