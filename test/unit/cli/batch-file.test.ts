// Batches from files: both notations, what --set fills in, where a fault stands, and what is refused before it becomes another value.
import { expect, it } from "vitest";
import { parseBatchFile, readBatchFile } from "../../../src/cli/batch-file.ts";

const yaml = `# a pipeline
scope: nightly
tasks:
  - id: a
    kind: k
    metadata: { "x/y": 1, at: 2026-01-01, yes: yes }
  - id: b
    kind: k
    dependencies:
      - id: ghost
`;
const json =
  '{\n  "scope": "nightly",\n  "tasks": [\n    { "id": "a", "kind": "k" },\n    { "id": "b", "dependencies": [{ "id": "ghost" }] }\n  ]\n}';

it("reads both notations, and dates and words as the texts that they are", () => {
  expect(parseBatchFile(yaml, "p.yaml").batch).toEqual({
    scope: "nightly",
    tasks: [
      { id: "a", kind: "k", metadata: { "x/y": 1, at: "2026-01-01", yes: "yes" } },
      { id: "b", kind: "k", dependencies: [{ id: "ghost" }] },
    ],
  });
  expect(parseBatchFile(json, "p.json").batch).toEqual(JSON.parse(json));
  expect(parseBatchFile('[{"id":"a"}]', "p").batch).toEqual([{ id: "a" }]);
  expect(parseBatchFile('{"$schema":"https://x","tasks":[]}', "p").batch).toEqual({ tasks: [] });
});

it.each([
  [yaml, "/tasks/1/dependencies/0/id", "p:10:13"],
  [yaml, "/tasks/0/metadata/x~1y", "p:6:24"],
  [yaml, "/tasks/0/name", "p:4:5"],
  [yaml, "/scope", "p:2:8"],
  [json, "/tasks/1/dependencies/0/id", "p:5:43"],
  ['[{"id":"a"}]', "/0/id", "p:1:8"],
])("knows where a part stands, or its parent where it is missing (%#)", (text, pointer, place) => {
  expect(parseBatchFile(text, "p").place(pointer)).toBe(place);
});

it.each([
  ['[{"id": "a" "b": 1}]', /^p:1:13: /],
  ["tasks:\n  - id: a\n    id: b\n", /^p:3:5: .*unique/i],
  ["- { n: 9007199254740993 }", /^p:1:8: 9007199254740993 cannot be kept exactly/],
  ['[{"n": 9007199254740993}]', /^p:1:8: 9007199254740993 cannot be kept exactly/],
  ["- { n: .inf }", /^p:1:8: Infinity is no number/],
  ["- { n: 1e999 }", /is no number that JSON has/],
  ["- { n: !!binary aGk= }", /^p:1:17: bytes are no JSON/],
  ["just a text", /holds no batch/],
  ["", /holds no batch/],
])("refuses %j, and says where", (text, says) => {
  expect(() => parseBatchFile(text, "p")).toThrow(says);
});

it("fills in what is set, and names what is left open", async () => {
  const file = new URL("../../../examples/ci-pipeline.json", import.meta.url).pathname;
  const { batch } = await readBatchFile(file, { service: "http://127.0.0.1:9" });
  expect(JSON.stringify(batch)).toContain("http://127.0.0.1:9/run/checkout");
  await expect(readBatchFile(file, {})).rejects.toThrow("--set service=…");
});

it("takes the values that the file itself gives, unless others are set", async () => {
  const [yamlFile, jsonFile] = ["yaml", "json"].map(
    (kind) => new URL(`../../../examples/ci-pipeline.${kind}`, import.meta.url).pathname,
  ) as [string, string];
  const other = { service: "https://ci.example.com" };
  expect((await readBatchFile(yamlFile, {})).batch).toEqual(
    (await readBatchFile(jsonFile, { service: "http://127.0.0.1:9000" })).batch,
  );
  expect((await readBatchFile(yamlFile, other)).batch).toEqual((await readBatchFile(jsonFile, other)).batch);
});
