// Writes the pages of docs/reference from the table of operations, the table of subjects and the schemas behind them.
import { errorCodes } from "../src/domain/errors.ts";
import { components, type Json, refOf } from "../src/http/docs/components.ts";
import { statusOf } from "../src/http/docs/openapi.ts";
import { type Answer, codeOf, type Operation, refusalsOf, type Tag } from "../src/http/operations/operation.ts";
import { clientSubjects, type Subject } from "../src/http/operations/subjects.ts";
import { table } from "../src/http/operations/table.ts";
import { renderErrors } from "./errors/page.ts";

export const referencePages = [
  { path: "docs/reference/http.md", render: renderHttp },
  { path: "docs/reference/nats.md", render: renderNats },
  { path: "docs/reference/types.md", render: renderTypes },
  { path: "docs/reference/errors.md", render: renderErrors },
] as const;

const generatedFrom = (what: string) => `<!-- Generated from ${what} by \`npm run docs\`; do not edit. -->`;
const titles: Record<Tag, string> = {
  tasks: "Tasks",
  batches: "Batches",
  schedules: "Schedules",
  deliveries: "Deliveries",
  operators: "What operators read",
  system: "The process",
};

function renderHttp(): string {
  const lines = [
    "# HTTP",
    "",
    generatedFrom("src/http/operations"),
    "",
    "Bodies are JSON in UTF-8. `null` for an optional field means left out; nothing is coerced; times are RFC 3339, sent ones",
    "need an offset. Unknown fields and query parameters are refused. A call that changes something takes an `Idempotency-Key`:",
    "a repetition with the same key counts once and gets the first answer, for 24 h. The shapes are in [types](types.md), the",
    "codes of errors in [errors](errors.md); the same as OpenAPI 3.1 is at `/openapi.json`.",
  ];
  for (const [tag, title] of Object.entries(titles)) {
    lines.push("", `## ${title}`);
    for (const [id, op] of table) if (op.tag === tag) lines.push("", ...operationLines(id, op));
  }
  return `${lines.join("\n")}\n`;
}

function operationLines(id: string, op: Operation): string[] {
  const { method, path, summary, description, right, byHandle, keyed, query = {}, headers = {}, body } = op;
  const who =
    right === "open" ? "needs no token" : `needs the right to \`${right}\`${byHandle ? " or a signed handle" : ""}`;
  const lines = [`### ${method.toUpperCase()} ${path}`, "", `${summary}. Operation \`${id}\`; ${who}.`];
  if (description) lines.push("", description);
  const params = [
    ...Object.entries(query).map(([name, param]) => [`\`${name}\``, "query", param.what, code(param.example)]),
    ...Object.entries(headers).map(([name, param]) => [`\`${name}\``, "header", param.what, code(param.example)]),
    ...(keyed ? [["`Idempotency-Key`", "header", "1 to 255 visible ASCII characters.", "`order-4711`"]] : []),
  ];
  if (params.length > 0) lines.push("", ...tableOf(["parameter", "in", "meaning", "example"], params));
  if (body)
    lines.push("", `Body: ${link(refOf(body.schema))}.`, "", "```json", JSON.stringify(body.example, null, 2), "```");
  const answers = Object.entries(op.answers).map(([status, answer]) => [status, shapeOf(answer), answer.what]);
  lines.push("", ...tableOf(["answer", "shape", "when"], answers));
  const refusals = refusalsOf(op).map((one) => [
    String(statusOf(one)),
    `[\`${codeOf(one)}\`](errors.md#${codeOf(one)})`,
    (typeof one === "object" ? one.what : undefined) ?? errorCodes[codeOf(one)].when,
  ]);
  if (refusals.length > 0) {
    const sorted = refusals.toSorted(([a = ""], [b = ""]) => Number(a) - Number(b));
    lines.push("", ...tableOf(["error", "code", "when"], sorted));
  }
  return lines;
}

function shapeOf({ schema, listOf, type, headers = {} }: Answer): string {
  const shown = schema ? link(refOf(schema)) : listOf ? `array of ${link(refOf(listOf))}` : (type ?? "none");
  const names = Object.keys(headers).map((name) => `\`${name}\``);
  return names.length > 0 ? `${shown}, ${names.join(", ")}` : shown;
}

function renderNats(): string {
  const lines = [
    "# NATS subjects",
    "",
    generatedFrom("src/http/operations/subjects.ts"),
    "",
    "Payloads are JSON in UTF-8, as [HTTP](http.md) takes and gives them. The same as AsyncAPI 3.0 is at `/asyncapi.json`.",
  ];
  for (const row of Object.values(clientSubjects)) lines.push("", ...subjectLines(row));
  return `${lines.join("\n")}\n`;
}

function subjectLines({
  address,
  summary,
  description,
  action,
  parameters,
  headers,
  payload,
  reply,
}: Subject): string[] {
  const who = action === "receive" ? "Clients publish, Baton reads." : "Baton publishes, clients read.";
  const lines = [
    `## ${address.replace(/[{]/g, "<").replace(/[}]/g, ">").replace(/^|$/g, "`")}`,
    "",
    `${summary}. ${who}`,
    "",
    description,
  ];
  const rows = [
    ...Object.entries(parameters).map(([name, { what, choices, example }]) => [
      ...[`\`${name}\``, "subject", choices ? `${what} One of ${choices.join(", ")}.` : what, code(example)],
    ]),
    ...Object.entries(headers).map(([name, what]) => [`\`${name}\``, "header", what, ""]),
  ];
  lines.push("", ...tableOf(["name", "in", "meaning", "example"], rows));
  if (payload)
    lines.push("", `Payload: ${link(refOf(payload))}.${reply ? ` Answer: ${link(refOf(reply.schema))}.` : ""}`);
  return lines;
}

function renderTypes(): string {
  const lines = [
    "# Types",
    "",
    generatedFrom("src/domain/schema"),
    "",
    "Every shape that the API takes or gives, in the order of their names. A field without a mark is always there; `?` may be",
    "left out.",
  ];
  for (const [name, schema] of Object.entries(components())) lines.push("", ...typeLines(name, schema));
  return `${lines.join("\n")}\n`;
}

function typeLines(name: string, schema: Json): string[] {
  const { description, anyOf, properties } = schema as { description: string; anyOf?: Json[]; properties?: object };
  const lines = [`## ${name}`, "", description];
  if (properties) lines.push("", ...fieldLines(schema));
  else if (anyOf?.every((member) => "properties" in member)) {
    for (const member of anyOf) lines.push("", ...fieldLines(member), ...nestedLines(member));
  } else lines.push("", `Type: ${shown(schema)}.`);
  return lines;
}

interface Property {
  readonly description: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}

function fieldLines(schema: Json): string[] {
  const { properties, required = [] } = schema as { properties: Record<string, Json>; required?: string[] };
  const rows = Object.entries(properties).map(([name, property]) => {
    const { description, default: standard, examples } = property as unknown as Property;
    const mark = required.includes(name) ? "" : "?";
    const preset = standard === undefined ? "" : code(standard);
    return [
      `\`${name}\`${mark}`,
      `${shown(property)}${limits(property as unknown as Property)}`,
      preset,
      description,
      code(examples?.[0]),
    ];
  });
  return tableOf(["field", "type", "default", "meaning", "example"], rows);
}

/** Of objects within objects: `params` of actions. */
function nestedLines(schema: Json): string[] {
  const { properties } = schema as { properties: Record<string, Json> };
  return Object.entries(properties).flatMap(([name, property]) =>
    "properties" in property ? ["", `\`${name}\` of it:`, "", ...fieldLines(property)] : [],
  );
}

function limits({ minimum, maximum, maxLength }: Property): string {
  if (maxLength !== undefined) return `, 1 to ${maxLength} characters`;
  if (minimum === undefined) return "";
  return maximum === Number.MAX_SAFE_INTEGER ? `, from ${minimum}` : `, ${minimum} to ${maximum}`;
}

function shown(schema: Json): string {
  const {
    $ref,
    anyOf,
    enum: choices,
    type,
    items,
    format,
  } = schema as {
    $ref?: string;
    anyOf?: Json[];
    enum?: unknown[];
    type?: string;
    items?: Json;
    format?: string;
  };
  if ($ref) return link(schema);
  if (choices) return choices.map((one) => `\`${one}\``).join(", ");
  if (anyOf) return [...new Set(anyOf.map((one) => shown({ ...(format ? { format } : {}), ...one })))].join(" or ");
  if (type === "array") return items ? `array of ${shown(items)}` : "array";
  if (type === "null") return "null";
  if (type === "string" && format) return format === "uuid" ? "UUID" : "time";
  return type ?? "any JSON";
}

function link(reference: Json): string {
  const name = String(reference.$ref).replace(/.*\//, "");
  return `[${name}](types.md#${name.toLowerCase()})`;
}

const code = (value: unknown): string =>
  value === undefined ? "" : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((text) => text.replace(/\|/g, "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)];
}
