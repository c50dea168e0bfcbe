// Writes src/cli/mcp/operations.json from the table of operations: what the tools of `baton mcp` say of the calls that they make, and the
// schema of a batch. The command line may import nothing of the server, so this is data.
import { components, type Json } from "../src/http/docs/components.ts";
import { table } from "../src/http/operations/table.ts";

export const mcpOperationsPath = "src/cli/mcp/operations.json";

export function renderMcpOperations(): string {
  const operations = Object.fromEntries(
    table.map(([id, { summary, right, method, query = {} }]) => [
      id,
      {
        ...{ summary, right, method },
        query: Object.fromEntries(
          Object.entries(query).map(([name, { what, schema }]) => [name, { ...jsonIn(schema), description: what }]),
        ),
      },
    ]),
  );
  return `${JSON.stringify({ operations, batch: batchSchema() }, null, 2)}\n`;
}

/** What a query has as a text is an object for a program. */
const jsonIn = (schema: Json): Json => (schema.contentMediaType === "application/json" ? { type: "object" } : schema);

/** The schema of a batch, whole in itself, without examples: it is read by models, for which each word has a price. */
function batchSchema(): Json {
  const all = components();
  const defs: Record<string, unknown> = {};
  const inside = (json: unknown): unknown => {
    if (Array.isArray(json)) return json.map(inside);
    if (typeof json !== "object" || json === null) return json;
    const entries = Object.entries(json).filter(([key]) => key !== "examples" && key !== "format");
    return Object.fromEntries(
      entries.map(([key, value]) => {
        if (key !== "$ref") return [key, key === "enum" || key === "default" ? value : inside(value)];
        const name = String(value).replace(/^.*\//, "");
        if (!(name in defs)) {
          defs[name] = {};
          defs[name] = inside(all[name]);
        }
        return ["$ref", `#/$defs/${name}`];
      }),
    );
  };
  return { ...(inside(all.BatchInput) as Json), $defs: defs };
}
