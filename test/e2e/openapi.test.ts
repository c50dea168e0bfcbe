// The OpenAPI document as redocly judges it, with every rule that it recommends, strictly, and each example against its schema. The tool
// is in test/tools, with a lock of its own.
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, inject, it } from "vitest";
import { openApi } from "#http/docs/openapi";

const tools = join(import.meta.dirname, "../tools");
let folder: string;

interface Json {
  readonly "application/json": object;
}

beforeAll(() => {
  const args = ["ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  const { status, stderr } = spawnSync("npm", args, { cwd: tools, encoding: "utf8" });
  expect(status, stderr).toBe(0);
  folder = mkdtempSync(join(inject("scratchDir"), "openapi-"));
}, 90_000);

function lint(document: object) {
  const file = join(folder, "openapi.json");
  writeFileSync(file, JSON.stringify(document));
  const args = ["node_modules/@redocly/cli/bin/cli.js", "lint", file, "--config", "redocly.yaml", "--format", "json"];
  const quiet = { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  const env = { PATH: process.env.PATH ?? "", HOME: folder, ...quiet };
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: tools, encoding: "utf8", env });
  const { problems } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as { problems: { ruleId: string }[] };
  return { status, problems };
}

it("is valid, to its examples", () => expect(lint(openApi())).toEqual({ status: 0, problems: [] }));

it.each<[string, (document: ReturnType<typeof planted>) => void]>([
  [
    "no-invalid-media-type-examples",
    ({ post }) => Object.assign(post.requestBody.content["application/json"], { example: 7 }),
  ],
  [
    "no-unresolved-refs",
    ({ post }) => Object.assign(post.responses[201].content["application/json"], { schema: { $ref: "#/nowhere" } }),
  ],
  ["path-parameters-defined", ({ get }) => Object.assign(get, { parameters: [] })],
])("finds a planted fault: %s", (rule, plant) => {
  const made = planted();
  plant(made);
  const { status, problems } = lint(made.document);
  expect([status, problems.map(({ ruleId }) => ruleId)]).toEqual([1, expect.arrayContaining([rule])]);
});

function planted() {
  const document = structuredClone(openApi()) as { paths: Record<string, Record<string, never>> };
  const at = (path: string, method: string) => document.paths[path]?.[method] as unknown;
  return {
    document,
    post: at("/task", "post") as {
      requestBody: { content: Json };
      responses: { 201: { content: Json } };
    },
    get: at("/task/{id}", "get") as object,
  };
}
