// A task that finds out what there is to do and adds it to its batch: a part for each text, and a join that reads all results.
//
//   node examples/fan-out.ts http://127.0.0.1:8085      posts the batch, serves its calls, and prints what the join found
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";
import { add, connect, report, type TaskInput } from "../src/sdk/client.ts";

const texts = ["the quick brown fox", "jumps over", "the lazy dog"];

/** What Baton sends of other tasks' results with a call whose action asks for `inputs`. */
interface Start {
  readonly text?: string;
  readonly baton?: { readonly inputs: Readonly<Record<string, { readonly words: number } | null>> };
}

/** Runs the whole against a Baton at `url`; what the join reported. */
export async function fanOut(url: string): Promise<unknown> {
  const service = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://service");
    const handle = searchParams.get("handle") ?? "";
    const key = String(request.headers["idempotency-key"]);
    bodyOf(request)
      .then((body) => work(pathname, handle, body, key))
      .then(() => response.writeHead(202).end())
      .catch((error) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  const own = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const calls = (path: string, more: object = {}) =>
    ({
      ...{ kind: "Webhook", params: { url: own + path, verb: "Post", ...more } },
    }) as TaskInput["on_start"] & object;

  /** A call may come twice, after a worker's death: what it adds and reports counts once, by the key of the call. */
  async function work(path: string, handle: string, { text, baton }: Start, idempotencyKey: string): Promise<void> {
    if (path === "/plan") {
      const parts = texts.map((text, i) => ({
        ...{ id: `part-${i}`, name: `Count text ${i}`, kind: "words", dependencies: [{ id: "plan" }] },
        on_start: calls("/count", { body: { text } }),
      }));
      const join = {
        ...{ id: "join", name: "Add up", kind: "words", on_start: calls("/join", { inputs: "parents" }) },
        dependencies: parts.map(({ id }) => ({ id, requires_success: true })),
      };
      await add(handle, [...parts, join], { idempotencyKey });
      await report(handle, { status: "Success", result: { parts: parts.length } });
    } else if (path === "/count") {
      await report(handle, { status: "Success", result: { words: (text ?? "").split(/\s+/).length } });
    } else {
      const counts = Object.values(baton?.inputs ?? {}).map((part) => part?.words ?? 0);
      await report(handle, {
        status: "Success",
        result: { parts: counts.length, words: counts.reduce((a, b) => a + b, 0) },
      });
    }
  }

  try {
    const baton = connect(url);
    const { batchId } = await baton.create([{ id: "plan", name: "Plan", kind: "words", on_start: calls("/plan") }]);
    for await (const { to } of baton.follow({ batchId, lastEventId: 0 })) {
      const isEnd = to === "Success" || to === "Failure";
      if (isEnd && (await baton.batch(batchId)).completed_at !== null) break;
    }
    const [join] = await baton.tasks({ batch_id: batchId, name: "Add up" });
    return join && (await baton.task(join.id)).result;
  } finally {
    service.closeAllConnections();
    service.close();
  }
}

async function bodyOf(request: IncomingMessage): Promise<Start> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text === "" ? {} : JSON.parse(text);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(JSON.stringify(await fanOut(process.argv[2] ?? "http://127.0.0.1:8085")));
