// Turns an Effect Schema into a decoder that lists every fault of a value in plain words, each with its path.
// Never throws. A message says what is allowed, and quotes what was sent if it is short ("must be an integer from 0 to 5, not 7").
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type * as SchemaAST from "effect/SchemaAST";
import type * as SchemaIssue from "effect/SchemaIssue";
import type { FaultCode, Faults, Path } from "#domain/faults";
import { isObject, jsonBytes } from "#domain/values/json";
import { didYouMean, nearest } from "#domain/values/nearest";

/** Adds a fault when the value takes more than `max` bytes in compact form. */
export function sizeFault(value: unknown, path: Path, faults: Faults, max: number): void {
  if (value === undefined || value === null) return;
  const bytes = jsonBytes(value);
  if (bytes > max) faults.add(path, "too_large", `must take at most ${max} bytes as compact JSON, takes ${bytes}`);
}

/** Where a decoder puts what it finds. */
type Found = Pick<Faults, "add" | "mayGuess">;

/** Reads a value at `path`; undefined when there were faults, which are added to `faults`. */
export type Decoder<T> = (value: unknown, path: Path, faults: Found) => T | undefined;

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
function walk(issue: SchemaIssue.Issue, path: Path, value: unknown, faults: Found): void {
  if (issue._tag === "Pointer") {
    let inner = value;
    for (const key of issue.path) inner = (inner as Record<PropertyKey, unknown> | null | undefined)?.[key];
    walk(issue.issue, [...path, ...(issue.path as Path)], inner, faults);
  } else if (issue._tag === "AnyOf" && issue.issues.length === 0) {
    noMember(issue.ast, path, value, faults);
  } else if (issue._tag === "Composite" && issue.issues.some((inner) => inner._tag === "Filter")) {
    refuse(path, codeOf(issue.ast, value), said(issue.issues) ?? describe(issue.ast), value, faults);
  } else if (issue._tag === "Composite" || issue._tag === "AnyOf") {
    for (const inner of issue.issues) walk(inner, path, value, faults);
  } else if (issue._tag === "MissingKey") {
    faults.add(path, "required", "is required");
  } else if (issue._tag === "UnexpectedKey") {
    faults.add(path, "unknown_field", `is not a known field${meant(issue.ast, path.at(-1), faults)}`);
  } else if (issue._tag === "InvalidType") {
    refuse(path, codeOf(issue.ast, value), describe(issue.ast), value, faults);
  } else if (issue._tag === "Encoding") {
    // What is read from a text says itself what that text must be; of a list its entries do.
    if (issue.issue._tag === "Composite" && issue.issue.ast._tag === "Arrays") walk(issue.issue, path, value, faults);
    else refuse(path, "invalid_format", describe(issue.ast), value, faults);
  } else {
    refuse(path, "invalid_format", said([issue]) ?? "is not valid", value, faults);
  }
}

/** The known member that an unknown one is near to. */
function meant(ast: SchemaAST.AST, name: string | number | undefined, faults: Found): string {
  if (ast._tag !== "Objects" || ast.annotations?.hidden === true || typeof name !== "string") return "";
  const names = ast.propertySignatures.map((member) => String(member.name));
  return faults.mayGuess() ? didYouMean(name, names) : "";
}

/** Values of headers may be secrets: they are never quoted. */
function refuse(path: Path, code: FaultCode, wrong: string, value: unknown, faults: Found): void {
  if (path.includes("headers")) faults.add(path, code, wrong);
  else if (value === null && typeof path.at(-1) === "string") faults.add(path, "required", wrong, value);
  else if (value === undefined) faults.add(path, "required", path.length === 0 ? wrong : "is required");
  else faults.add(path, code, wrong, value);
}

/** No member of a union fits: where one field distinguishes the members, that field is at fault. */
function noMember(ast: SchemaAST.AST, path: Path, value: unknown, faults: Found): void {
  const tag = tagOf(ast);
  if (tag === undefined || !isObject(value)) {
    refuse(path, codeOf(ast, value), describe(ast), value, faults);
    return;
  }
  const at = [...path, tag.key];
  if (!Object.hasOwn(value, tag.key)) faults.add(at, "required", "is required");
  else {
    const sent = (value as Record<string, unknown>)[tag.key];
    refuse(at, "not_allowed", oneOf(tag.values), sent, faults);
    const near = typeof sent === "string" && faults.mayGuess() ? nearest(sent, tag.values) : undefined;
    if (near !== undefined) restFaults(ast, path, { ...value, [tag.key]: near }, faults);
  }
}

const decoders = new WeakMap<SchemaAST.AST, Decoder<unknown>>();

/** What else is wrong with a member of a union that its tag names nearly: all faults are listed at once. */
function restFaults(ast: SchemaAST.AST, path: Path, value: unknown, faults: Found): void {
  const decode = decoders.get(ast) ?? decoder(Schema.make<Schema.Codec<unknown>>(ast));
  decoders.set(ast, decode);
  decode(value, path, faults);
}

/** What kind of fault it is that the schema does not take the value. */
function codeOf(ast: SchemaAST.AST, value: unknown): FaultCode {
  switch (ast._tag) {
    case "Number":
      return typeof value === "number" ? "out_of_range" : "wrong_type";
    case "String":
      return typeof value === "string"
        ? ((ast.checks?.at(-1)?.annotations?.code ?? "invalid_format") as FaultCode)
        : "wrong_type";
    case "Literal":
      return "not_allowed";
    case "Union": {
      const [first, ...others] = ast.types
        .filter((member) => member._tag !== "Null")
        .map((member) => codeOf(member, value));
      return first !== undefined && others.every((code) => code === first) ? first : "wrong_type";
    }
    default:
      return "wrong_type";
  }
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

/** The field whose literal value distinguishes the object members of a union. */
function tagOf(ast: SchemaAST.AST): { key: string; values: string[] } | undefined {
  if (ast._tag !== "Union") return undefined;
  const found = new Map<string, string[]>();
  for (const member of ast.types) {
    const inner = member._tag === "Union" ? tagOf(member) : undefined;
    if (inner) found.set(inner.key, [...(found.get(inner.key) ?? []), ...inner.values]);
    if (member._tag !== "Objects") continue;
    for (const field of member.propertySignatures) {
      if (field.type._tag !== "Literal" || field.type.annotations?.hidden === true) continue;
      const key = String(field.name);
      found.set(key, [...(found.get(key) ?? []), String(field.type.literal)]);
    }
  }
  for (const [key, values] of found) if (values.length > 1) return { key, values: [...new Set(values)] };
  return undefined;
}
