// Writes src/sdk/types.ts from the components of the API, so that the types of the SDK cannot say anything that the server
// does not do. A test compares the committed file with what this renders.
import { components, type Json } from "../src/http/docs/components.ts";

export const sdkTypesPath = "src/sdk/types.ts";

export function renderSdkTypes(): string {
  const all = Object.entries(components());
  const lines = [
    "// The shapes that travel between Baton and its clients, as TypeScript sees them. Times are RFC 3339 in UTC.",
    "// Generated from the schemas of the API by `npm run docs`; do not edit.",
  ];
  for (const [name, schema] of all) lines.push("", ...declared(name, schema));
  return `${lines.join("\n")}\n`;
}

interface Shape {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Json[];
  readonly items?: Json;
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly description?: string;
  readonly default?: unknown;
}

function declared(name: string, schema: Json): string[] {
  const { description = "", properties } = schema as Shape;
  const comment = ["/**", ...wrapped(description).map((line) => ` * ${line}`), " */"];
  if (properties) return [...comment, `export interface ${name} ${typeOf(schema, 0)}`];
  return [...comment, `export type ${name} = ${typeOf(schema, 0)};`];
}

function typeOf(schema: Json, depth: number): string {
  const shape = schema as Shape;
  if (shape.$ref) return shape.$ref.slice(shape.$ref.lastIndexOf("/") + 1);
  if (shape.enum) return shape.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (shape.anyOf) return shape.anyOf.map((member) => typeOf(member, depth)).join(" | ");
  switch (shape.type) {
    case "array":
      return `readonly ${grouped(shape.items ? typeOf(shape.items, depth) : "unknown")}[]`;
    case "object":
      return shape.properties ? objectOf(shape, depth) : `Readonly<Record<string, ${memberOf(shape)}>>`;
    case "integer":
      return "number";
    case "string":
    case "number":
    case "boolean":
    case "null":
      return shape.type;
    default:
      return "unknown";
  }
}

function memberOf({ additionalProperties }: Shape): string {
  return typeof additionalProperties === "object" ? typeOf(additionalProperties as Json, 0) : "unknown";
}

function objectOf({ properties = {}, required = [] }: Shape, depth: number): string {
  const pad = "  ".repeat(depth + 1);
  const lines = Object.entries(properties).flatMap(([name, schema]) => {
    const mark = required.includes(name) ? "" : "?";
    return [...comments(schema as Shape, pad), `${pad}readonly ${name}${mark}: ${typeOf(schema, depth + 1)};`];
  });
  return ["{", ...lines, `${"  ".repeat(depth)}}`].join("\n");
}

function comments({ description = "", default: standard }: Shape, pad: string): string[] {
  const said = [description, ...(standard === undefined ? [] : [`Default: \`${JSON.stringify(standard)}\`.`])].join(
    " ",
  );
  const lines = wrapped(said);
  if (lines.length === 1) return [`${pad}/** ${lines[0]} */`];
  return [`${pad}/**`, ...lines.map((line) => `${pad} * ${line}`), `${pad} */`];
}

const grouped = (type: string): string => (/[ |]/.test(type) ? `(${type})` : type);

const columns = 110;
function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.replace(/\*\//g, "*\\/").split(/\s+/)) {
    if (line !== "" && line.length + word.length + 1 > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
