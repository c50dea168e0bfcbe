// Turns an Effect Schema into a decoder that lists every fault of a value in plain words, each with its path.
// Never throws. A message describes what is allowed ("must be an integer from 0 to 5"), never what was sent.
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type * as SchemaAST from "effect/SchemaAST";
import type * as SchemaIssue from "effect/SchemaIssue";
import { childPath, jsonBytes } from "#domain/json";

/** Collects faults as `<path>: <what is wrong>`, each once. */
export class Faults {
  readonly #list = new Set<string>();
  add(path: string, wrong: string): void {
    this.#list.add(`${path || "body"}: ${wrong}`);
  }
  get none(): boolean {
    return this.#list.size === 0;
  }
  get list(): readonly string[] {
    return [...this.#list];
  }
}

/** Adds a fault when the value takes more than `max` bytes in compact form. */
export function sizeFault(value: unknown, path: string, faults: Faults, max: number): void {
  if (value === undefined || value === null) return;
  const bytes = jsonBytes(value);
  if (bytes > max) faults.add(path, `must take at most ${max} bytes as compact JSON, takes ${bytes}`);
}

/** Reads a value at `path`; undefined when there were faults, which are added to `faults`. */
export type Decoder<T> = (value: unknown, path: string, faults: Faults) => T | undefined;

const options = { errors: "all", onExcessProperty: "error" } as const;

export function decoder<S extends Schema.Top & { readonly DecodingServices: never }>(schema: S): Decoder<S["Type"]> {
  const decode = Schema.decodeUnknownResult(schema, options);
  return (value, path, faults) => {
    const result = decode(value);
    if (Result.isSuccess(result)) return result.success;
    walk(result.failure.issue, path, value, faults);
    return undefined;
  };
}

/** `value` is what lies at `path`, as far as the issue tree was followed. */
function walk(issue: SchemaIssue.Issue, path: string, value: unknown, faults: Faults): void {
  if (issue._tag === "Pointer") {
    let [at, inner] = [path, value];
    for (const key of issue.path) {
      at = childPath(at, key as string | number);
      inner = (inner as Record<PropertyKey, unknown> | undefined)?.[key];
    }
    walk(issue.issue, at, inner, faults);
  } else if (issue._tag === "Filter" || issue._tag === "Encoding") {
    walk(issue.issue, path, value, faults);
  } else if (issue._tag === "AnyOf" && issue.issues.length === 0) {
    noMember(issue.ast, path, value, faults);
  } else if (issue._tag === "Composite" && issue.issues.some((inner) => inner._tag === "Filter")) {
    faults.add(path, said(issue.issues) ?? describe(issue.ast));
  } else if (issue._tag === "Composite" || issue._tag === "AnyOf") {
    for (const inner of issue.issues) walk(inner, path, value, faults);
  } else {
    faults.add(path, leaf(issue));
  }
}

function leaf(issue: SchemaIssue.Issue): string {
  if (issue._tag === "MissingKey") return "is required";
  if (issue._tag === "UnexpectedKey") return "is not a known field";
  if (issue._tag === "InvalidType") return describe(issue.ast);
  return said([issue]) ?? "is not valid";
}

/** No member of a union fits: where the members are told apart by one field, that field is at fault. */
function noMember(ast: SchemaAST.AST, path: string, value: unknown, faults: Faults): void {
  const tag = tagOf(ast);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (tag === undefined || !isObject) faults.add(path, describe(ast));
  else faults.add(childPath(path, tag.key), Object.hasOwn(value, tag.key) ? oneOf(tag.values) : "is required");
}

/** What a filter itself said. */
function said(issues: readonly SchemaIssue.Issue[]): string | undefined {
  for (const issue of issues) {
    const inner = issue._tag === "Filter" ? issue.issue : issue;
    if (inner._tag === "InvalidValue" && typeof inner.annotations?.message === "string")
      return inner.annotations.message;
  }
  return undefined;
}

function describe(ast: SchemaAST.AST): string {
  const own = ast.checks?.at(-1)?.annotations?.message ?? ast.annotations?.message;
  if (typeof own === "string") return own;
  switch (ast._tag) {
    case "String":
      return "must be a text";
    case "Number":
      return "must be a number";
    case "Boolean":
      return "must be true or false";
    case "Arrays":
      return "must be an array";
    case "Objects":
      return "must be an object";
    case "Literal":
      return `must be ${JSON.stringify(ast.literal)}`;
    case "Union": {
      const members = ast.types.filter((member) => member._tag !== "Null");
      const literals = members.flatMap((member) => (member._tag === "Literal" ? [String(member.literal)] : []));
      if (literals.length === members.length) return oneOf(literals);
      return [...new Set(members.map(describe))].join(", or ");
    }
    default:
      return "is not valid";
  }
}

const oneOf = (values: readonly string[]) => `must be ${values.length > 1 ? "one of " : ""}${values.join(", ")}`;

/** The field by whose literal value the object members of a union are told apart. */
function tagOf(ast: SchemaAST.AST): { key: string; values: string[] } | undefined {
  if (ast._tag !== "Union") return undefined;
  const found = new Map<string, string[]>();
  for (const member of ast.types) {
    const inner = member._tag === "Union" ? tagOf(member) : undefined;
    if (inner) found.set(inner.key, [...(found.get(inner.key) ?? []), ...inner.values]);
    if (member._tag !== "Objects") continue;
    for (const field of member.propertySignatures) {
      if (field.type._tag !== "Literal") continue;
      const key = String(field.name);
      found.set(key, [...(found.get(key) ?? []), String(field.type.literal)]);
    }
  }
  for (const [key, values] of found) if (values.length > 1) return { key, values: [...new Set(values)] };
  return undefined;
}
