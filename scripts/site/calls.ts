// The calls of the API as the page that tries them needs them: what is sent, each with its example.
import { openApi } from "../../src/http/docs/openapi.ts";

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly description: string;
  readonly example: unknown;
}

interface Described {
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example: unknown }>> };
}

/** By the id of its heading in docs/reference/http.md, which `slug` makes of method and path. */
export function callsByHeading(slug: (text: string) => string): Readonly<Record<string, unknown>> {
  const { paths } = openApi() as { paths: Record<string, Record<string, Described>> };
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, parameters, requestBody }]) => {
      const body = requestBody?.content["application/json"]?.example;
      const heading = slug(`${method.toUpperCase()} ${path}`);
      return [heading, { operationId, method: method.toUpperCase(), path, parameters, body }] as const;
    }),
  );
  return Object.fromEntries(calls);
}
