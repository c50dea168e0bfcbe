// What a tool takes, as JSON Schema for the model, and the check of what came: closed, all faults at once. A batch is checked by Baton itself,
// whose faults say more.
import type { StandardSchemaWithJSON } from "@modelcontextprotocol/server";

type Property = Readonly<Record<string, unknown>>;

export interface Input {
  readonly properties: Readonly<Record<string, Property>>;
  readonly required?: readonly string[];
  readonly $defs?: Readonly<Record<string, unknown>>;
}

export type Arguments = Readonly<Record<string, unknown>>;

/** In the form that the server of the protocol takes. */
export function schemaOf({ properties, required = [], $defs }: Input): StandardSchemaWithJSON<Arguments> {
  const json = { type: "object", properties, required, additionalProperties: false, ...($defs ? { $defs } : {}) };
  return {
    "~standard": {
      ...{ version: 1, vendor: "baton" },
      validate: (value) => {
        const issues = faultsOf(properties, required, value);
        return issues.length > 0 ? { issues: issues.map((message) => ({ message })) } : { value: value as Arguments };
      },
      jsonSchema: { input: () => json, output: () => json },
    },
  };
}

export function faultsOf(
  properties: Input["properties"],
  required: readonly string[],
  value: unknown,
): readonly string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return ["the arguments are an object"];
  const given = value as Arguments;
  const known = Object.keys(properties);
  return [
    ...required.filter((name) => given[name] === undefined).map((name) => `${name}: is required`),
    ...Object.entries(given).flatMap(([name, one]) => {
      const property = properties[name];
      if (property === undefined) return [`${name}: is not a known argument; known are ${known.join(", ") || "none"}`];
      const wrong = faultOf(property, one);
      return wrong === undefined ? [] : [`${name}: ${wrong}, not ${JSON.stringify(one)?.slice(0, 100)}`];
    }),
  ];
}

function faultOf(property: Property, value: unknown): string | undefined {
  const {
    type,
    enum: choices,
    items,
    minimum,
    maximum,
  } = property as {
    type?: string;
    enum?: readonly unknown[];
    items?: Property;
    minimum?: number;
    maximum?: number;
  };
  if (choices && !choices.includes(value)) return `must be one of ${choices.join(", ")}`;
  if (type === "array") {
    if (!Array.isArray(value)) return "must be an array";
    return value.map((one) => faultOf(items ?? {}, one)).find((fault) => fault !== undefined);
  }
  if (type === "object")
    return typeof value === "object" && value !== null && !Array.isArray(value) ? undefined : "must be an object";
  if (type === "integer") {
    const fits =
      Number.isSafeInteger(value) &&
      (value as number) >= (minimum ?? -Infinity) &&
      (value as number) <= (maximum ?? Infinity);
    return fits
      ? undefined
      : `must be an integer${minimum === undefined ? "" : ` from ${minimum}`}${maximum === undefined ? "" : ` to ${maximum}`}`;
  }
  if (type === "string" || type === "boolean") {
    return typeof value === type ? undefined : `must be a ${type === "string" ? "text" : "boolean"}`;
  }
  return undefined;
}
