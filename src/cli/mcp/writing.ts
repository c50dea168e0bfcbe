// The tools of `baton mcp` that change something; they are there with `--write` alone.
import type { Client, Rerun } from "../../sdk/client.ts";
import { thingOf } from "../context.ts";
import type { Arguments } from "./input.ts";
import { id } from "./reading.ts";
import { parameter, type Tool } from "./tool.ts";

const key = {
  type: "string",
  description:
    "An Idempotency-Key of yours, such as order-4711: asked again under it, with the same arguments, it is done once.",
};
const reason = parameter("cancelTask", "reason");

async function submit(baton: Client, { batch, key: own }: Arguments) {
  const { status, headers, body } = await baton.call("createBatch", {
    body: batch as never,
    ...(own === undefined ? {} : { idempotencyKey: String(own) }),
  });
  const tasks = (status === 201 ? body : []) as readonly { readonly id: string; readonly local_id: string }[];
  const of = (name: string) =>
    headers
      .get(name)
      ?.split(",")
      .map((text) => decodeURIComponent(text.trim()));
  return {
    content: {
      batch_id: headers.get("x-batch-id"),
      tasks: tasks.map(({ id: task, local_id }) => ({ id: task, local_id })),
      deduplicated: of("baton-deduplicated") ?? [],
      warnings: of("baton-warning") ?? [],
    },
  };
}

async function rerun(baton: Client, { id: asked, only, dependents, from }: Arguments) {
  const { id: batch } = await thingOf(baton, String(asked), "batch");
  const ask = Object.fromEntries(Object.entries({ only, dependents, from }).filter(([, value]) => value !== undefined));
  const { batchId, tasks } = await baton.rerun(batch, ask as Rerun);
  return {
    content: { batch_id: batchId || null, tasks: tasks.map(({ id: task, local_id }) => ({ id: task, local_id })) },
  };
}

type Verb = "cancel" | "pause" | "resume";

const changed =
  (verb: Verb) =>
  async (baton: Client, { id: asked, reason: why }: Arguments) => {
    const { type, id: whole } = await thingOf(baton, String(asked));
    const because = why === undefined ? undefined : String(why);
    if (type === "task") {
      await baton[verb](whole, because);
      return { content: { task_id: whole, status: (await baton.task(whole)).status } };
    }
    if (verb === "cancel") return { content: { ...(await baton.stop(whole, because)) } };
    const tasks = verb === "pause" ? await baton.pauseBatch(whole, because) : await baton.resumeBatch(whole, because);
    return { content: { batch_id: whole, [`${verb}d`]: tasks } };
  };

const about = { properties: { id, reason }, required: ["id"] };

export const writingTools: readonly Tool[] = [
  {
    name: "submit",
    title: "Create a batch",
    description:
      "Creates a batch: its tasks start at once, by calls to the services that they name. `batch` is what `dry_run` takes; check it there first. Give a `key` where the call may be repeated.",
    operations: ["createBatch"],
    input: {
      properties: {
        batch: { type: "object", description: "The batch, as `dry_run` takes it: an object with `tasks`." },
        key,
      },
      required: ["batch"],
    },
    isIdempotent: false,
    isOpenWorld: true,
    run: submit,
  },
  {
    name: "rerun",
    title: "Run a complete batch again",
    description:
      "Runs again what did not succeed in a complete batch, as a new batch; what succeeded counts as it ended. `only: all` takes everything, `dependents` also what depends on it, `from` these tasks and what depends on them instead.",
    operations: ["rerunBatch", "search"],
    input: {
      properties: {
        id: { ...id, description: "The id of the batch, whole or its first 13 characters or more." },
        only: { type: "string", enum: ["failed", "all"], default: "failed", description: "What is taken." },
        dependents: { type: "boolean", default: false, description: "Also what depends on it, though it succeeded." },
        from: { type: "array", items: { type: "string" }, description: "Whole ids of tasks of the batch." },
      },
      required: ["id"],
    },
    isIdempotent: false,
    isOpenWorld: true,
    run: rerun,
  },
  {
    name: "cancel",
    title: "Cancel a task or a batch",
    description:
      "Cancels an unfinished task, or everything unfinished of a batch. What runs is asked to stop; tasks that require a canceled one fail. It cannot be taken back, only run again as a new batch.",
    operations: ["cancelTask", "stopBatch", "getTask", "search"],
    input: about,
    isDestructive: true,
    isIdempotent: true,
    isOpenWorld: true,
    run: changed("cancel"),
  },
  {
    name: "pause",
    title: "Pause a task or a batch",
    description:
      "Keeps a task, or what of a batch has not started, from starting. What runs goes on. `resume` takes it back.",
    operations: ["pauseTask", "pauseBatch", "getTask", "search"],
    input: about,
    isIdempotent: true,
    run: changed("pause"),
  },
  {
    name: "resume",
    title: "Resume a task or a batch",
    description: "Lets a paused task, or what was paused of a batch, go on.",
    operations: ["resumeTask", "resumeBatch", "getTask", "search"],
    input: about,
    isIdempotent: true,
    isOpenWorld: true,
    run: changed("resume"),
  },
];
