// Prints long answers in pieces, between which other calls are answered: JSON.stringify prints all at once, and a graph of
// 10,000 tasks and 100,000 links takes it some 200 ms.
import { setImmediate as pass } from "node:timers/promises";
import { jsonType, type Reply, reply } from "#intake/reply";

const entriesMax = 250;
const stretchMaxMs = 10;

/** An answer with these lists: the bytes that JSON.stringify gives. */
export async function listsInPieces(lists: Readonly<Record<string, readonly unknown[]>>): Promise<Reply> {
  const pieces: Buffer[] = [];
  let text = "{";
  let beganMs = performance.now();
  for (const [name, list] of Object.entries(lists)) {
    text += `${text === "{" && pieces.length === 0 ? "" : ","}${JSON.stringify(name)}:[`;
    for (let from = 0; from < list.length; from += entriesMax) {
      text += `${from === 0 ? "" : ","}${JSON.stringify(list.slice(from, from + entriesMax)).slice(1, -1)}`;
      pieces.push(Buffer.from(text));
      text = "";
      if (performance.now() - beganMs < stretchMaxMs) continue;
      await pass();
      beganMs = performance.now();
    }
    text += "]";
  }
  pieces.push(Buffer.from(`${text}}`));
  return reply(200, Buffer.concat(pieces), { "content-type": jsonType });
}
