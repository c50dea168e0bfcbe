// The schemas of the API as JSON Schema, by name: the components of the OpenAPI and AsyncAPI documents, of which the types of
// the SDK and the pages of the reference are made too. What is not said in the schemas of the domain is not said here.
import * as JsonSchema from "effect/JsonSchema";
import * as Schema from "effect/Schema";
import * as SchemaRepresentation from "effect/SchemaRepresentation";
import { ErrorAnswer, Fault } from "#domain/schema/answers/system";
import type { Operation } from "#http/operations/operation";
import { clientSubjects } from "#http/operations/subjects";
import { table } from "#http/operations/table";

export type Json = { readonly [key: string]: unknown };

const prefix = "#/components/schemas/";
const refTo = (name: string): Json => ({ $ref: `${prefix}${name}` });

/** A reference to a schema by its name; every schema of the API has one. */
export function refOf(schema: Schema.Top): Json {
  const name = schema.ast.annotations?.identifier;
  if (typeof name !== "string") throw new Error("a schema of the API has no identifier");
  return refTo(name);
}

let made: Readonly<Record<string, Json>> | undefined;

/** All of them, in the order of their names. */
export function components(): Readonly<Record<string, Json>> {
  made ??= build();
  return made;
}

function build(): Readonly<Record<string, Json>> {
  const ops = table.map(([, op]) => op);
  const subjects = Object.values(clientSubjects);
  const payloads = (action: "receive" | "send") =>
    subjects.flatMap((row) => (row.action === action && row.payload ? [row.payload] : []));
  const replies = subjects.flatMap(({ reply }) => (reply ? [reply.schema] : []));
  const answers = [ErrorAnswer, Fault, ...ops.flatMap(answersOf), ...payloads("send"), ...replies];
  const requests = [...ops.flatMap(({ body }) => (body ? [body.schema] : [])), ...payloads("receive")];
  // A part that both use is as requests have it: closed, and without `null` for what is left out.
  const all = {
    ...definitionsOf(answers, false),
    ...mapped(definitionsOf(requests, true), (schema) => withoutNulls(schema) as Json),
  };
  const named = Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(named.map(([name, schema]) => [name, withExamples(schema, all)]));
}

function answersOf({ answers, refusalSchemas = {} }: Operation): Schema.Top[] {
  const said = Object.values(answers).flatMap(({ schema, listOf }) => schema ?? listOf ?? []);
  return [...said, ...Object.values(refusalSchemas)];
}

/** `isClosed`: objects have no other members. */
function definitionsOf(schemas: readonly Schema.Top[], isClosed: boolean): Record<string, Json> {
  const asts = [...new Set(schemas)].map((schema) => Schema.toCodecJson(schema as Schema.Top).ast);
  const multi = SchemaRepresentation.toRepresentations(asts as never);
  const options = { includeAnnotationKey: (key: string) => key === "hidden" };
  const document = SchemaRepresentation.toJsonSchemaMultiDocument(multi, {
    ...options,
    ...(isClosed ? { onExcessProperty: "error" } : {}),
  } as never);
  const { definitions } = JsonSchema.toMultiDocumentOpenApi3_1(document);
  return mapped(definitions as Record<string, Json>, (schema) => tidied(schema, isClosed) as Json);
}

const mapped = (schemas: Record<string, Json>, change: (schema: Json) => Json): Record<string, Json> =>
  Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, change(schema)]));

/** Without hidden members of unions; what a property says of itself stands beside its schema and not in an `allOf`. */
function tidied(json: unknown, isClosed: boolean): unknown {
  if (Array.isArray(json)) return json.filter((item) => !isHidden(item)).map((item) => tidied(item, isClosed));
  if (typeof json !== "object" || json === null) return json;
  const { allOf, ...rest } = json as { allOf?: Json[] };
  const lifted = Object.assign({}, ...(allOf ?? [])) as Json;
  const entries = Object.entries({ ...rest, ...lifted }).filter(
    ([key, value]) => isClosed || key !== "additionalProperties" || value !== false,
  );
  return Object.fromEntries(inside(entries, (value) => tidied(value, isClosed)));
}

/** The same of what lies inside a schema. Properties have any name, also one that is a word of JSON Schema. */
function inside(entries: readonly (readonly [string, unknown])[], change: (json: unknown) => unknown) {
  return entries.map(([key, value]) => {
    if (key === "properties") return [key, mapped(value as Record<string, Json>, (one) => change(one) as Json)];
    return [key, isData(key) ? value : change(value)];
  });
}

const isHidden = (json: unknown): boolean => (json as { hidden?: unknown } | null)?.hidden === true;
const isData = (key: string): boolean => key === "examples" || key === "default" || key === "enum";

/** `null` is only another way to leave a field out: documented once, in words, and not at every field. */
function withoutNulls(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withoutNulls);
  if (typeof json !== "object" || json === null) return json;
  const { anyOf, ...rest } = json as { anyOf?: { type?: string }[] };
  const left = anyOf?.filter((member) => member.type !== "null");
  if (left?.length === 1) return withoutNulls({ ...left[0], ...rest });
  const entries = Object.entries(left ? { ...rest, anyOf: left } : rest);
  return Object.fromEntries(inside(entries, withoutNulls));
}

/** A value that the schema takes, made of the examples of its properties. */
export function exampleOf(schema: Json, all: Readonly<Record<string, Json>>): unknown {
  const {
    $ref,
    examples,
    enum: choices,
    anyOf,
    type,
    items,
    properties,
  } = schema as {
    $ref?: string;
    examples?: unknown[];
    enum?: unknown[];
    anyOf?: Json[];
    type?: string;
    items?: Json;
    properties?: Record<string, Json>;
  };
  if (examples) return examples[0];
  if ($ref) return exampleOf(all[$ref.slice(prefix.length)] as Json, all);
  if (choices) return choices[0];
  if (anyOf) return exampleOf(anyOf[0] as Json, all);
  if (type === "array") return items ? [exampleOf(items, all)] : [];
  if (properties) {
    const { required = [] } = schema as { required?: string[] };
    const shown = Object.entries(properties).filter(([name]) => required.includes(name));
    return Object.fromEntries(shown.map(([name, property]) => [name, exampleOf(property, all)]));
  }
  throw new Error(`no example for ${JSON.stringify(schema)}`);
}

/** Every property has an example: its own, or one made of those of its parts. */
function withExamples(json: unknown, all: Readonly<Record<string, Json>>): Json {
  if (Array.isArray(json)) return json.map((item) => withExamples(item, all)) as unknown as Json;
  if (typeof json !== "object" || json === null) return json as unknown as Json;
  const entries = Object.entries(json).map(([key, value]) => {
    if (isData(key)) return [key, value];
    if (key !== "properties") return [key, withExamples(value, all)];
    const properties = Object.entries(value as Record<string, Json>).map(([name, property]) => {
      const known = property.examples ? property : { ...property, examples: [exampleOf(property, all)] };
      return [name, withExamples(known, all)];
    });
    return [key, Object.fromEntries(properties)];
  });
  return Object.fromEntries(entries);
}
