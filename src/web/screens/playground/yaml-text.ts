// YAML 1.2 as text of the playground: read with the place of each part, and written. Loaded when it is first wanted.
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, stringify } from "yaml";
import { asBatch, type Reading } from "./reading.ts";

export function readYaml(text: string): Reading {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, version: "1.2" });
  const lineAt = (offset: number) => counter.linePos(offset).line;
  const [error] = document.errors;
  if (error !== undefined) return { wrong: { line: lineAt(error.pos[0]), said: error.message }, lineOf: () => 1 };
  try {
    return asBatch(document.toJS(), (pointer) => lineAt(offsetOf(document, pointer)));
  } catch (cause) {
    return { wrong: { line: 1, said: (cause as Error).message }, lineOf: () => 1 };
  }
}

export const writeYaml = (value: unknown): string => stringify(value, { lineWidth: 100, aliasDuplicateObjects: false });

/** Where the part begins that a pointer names, or the nearest thing round it. */
function offsetOf(document: Document.Parsed, pointer: string): number {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name);
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      node = node.items[Number(name)] as Node | undefined;
      offset = node?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
