// The examples of docs/nats.md do what the page says, as the shipped user `client`. The TypeScript is one program, run as it
// stands. The lines of the nats CLI, which is not installed, are taken apart as a shell and the CLI would, and done by hand.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection, headers as newHeaders } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { serversOf } from "#bus/client";
import { subjects, taskVerbsOnBus } from "#bus/subjects";
import { type Cluster, startCluster } from "#test/cluster";
import { type GuardedNats, shippedNats } from "#test/services";
import { until, within } from "#test/until";

const page = readFileSync(join(import.meta.dirname, "../../../docs/nats.md"), "utf8");
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(([, text]) => text as string);

let nats: GuardedNats;
let cluster: Cluster;
let nc: NatsConnection;
beforeAll(async () => {
  nats = await shippedNats();
  cluster = await startCluster({ nats });
  nc = await connect({ ...serversOf(nats.urlOf("client")), inboxPrefix: "_INBOX_client" });
});
afterAll(() => nc.close());

it("names every subject and every verb", () => {
  const named = Object.values(subjects).filter((subject) => typeof subject === "string");
  const wanted = named.map((subject) =>
    subject.replace("baton.task.>", "baton.task.<id>").replace("baton.work.>", "baton.work."),
  );
  expect(wanted.filter((subject) => !page.includes(subject))).toEqual([]);
  expect(taskVerbsOnBus.filter((verb) => !new RegExp(`[.\`]${verb}\``).test(page))).toEqual([]);
});

it("has TypeScript that runs", async () => {
  const whole = blocks("ts");
  expect(whole.length).toBe(6);
  // The page tells of events last; whoever listens begins before.
  const isListening = (block: string) => block.includes('nc.subscribe("baton.event.');
  const [first = "", ...rest] = whole.filter((block) => !isListening(block));
  const heard = "for await (const _ of nc.subscribe(`baton.event.*.*.Success`, { max: 1 })) await nc.flush();\n";
  const file = join(inject("scratchDir"), "docs-nats.ts");
  const program = [first, ...whole.filter(isListening), `const seen = (async () => { ${heard} })();`, ...rest];
  writeFileSync(file, [...program, "await seen;\nawait nc.drain();\n"].join("\n"));
  const env = { PATH: process.env.PATH ?? "", NATS_URL: nats.urlOf("client") };
  const child = spawn(process.execPath, [file], { env });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const code = await within(() => new Promise((resolve) => child.once("exit", resolve)), 20_000).finally(() =>
    child.kill(),
  );
  expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^201 [0-9a-f-]{36}\n/) });
  expect(said).toMatch(/status: 200,[^}]*state: 'Success'/);
  expect(said).toMatch(/from: '(Running|Claimed)',\s*to: 'Success'/);
  expect(said).toMatch(/^baton\.task\.success \{/m);
  // Counters are applied a moment after they were stored.
  const counted = async () => {
    const [task] =
      await cluster.sql`select t.*, s.result from task t join task_spec s using (id) where t.kind = 'words'`;
    return task?.success === "3" && task;
  };
  expect(await until(counted)).toMatchObject({ status: "Success", result: { words: 3 } });
});

interface Line {
  readonly words: readonly string[];
  /** What the comment behind it promises. */
  readonly promise: string | undefined;
}

/** Words as a shell makes them of a line; variables are put in except between single quotes. */
function split(line: string, variables: Readonly<Record<string, string>>): Line {
  const [, command = "", promise] = /^(.*?)(?:\s{8}# ?(.*))?$/.exec(line) ?? [];
  const fill = (text: string) => text.replace(/\$(\w+)/g, (_, name: string) => variables[name] ?? `no $${name}`);
  const words = [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? fill((double ?? bare) as string),
  );
  return { words, promise };
}

/** Flags with a value, flags without, and the rest, as the CLI reads them. */
function readFlags(words: readonly string[]) {
  const alone = new Set(["-J", "--pull", "--defaults", "--select"]);
  const flags: Record<string, string[]> = {};
  const rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (alone.has(word)) flags[word] = [];
    else if (word.startsWith("-")) flags[word] = [...(flags[word] ?? []), words[++i] as string];
    else rest.push(word);
  }
  return { flags, rest };
}

it("has lines of the CLI that do what they promise", async () => {
  const variables: Record<string, string> = { NATS_URL: nats.urlOf("client") };
  const answers: { status: number }[] = [];
  const manager = await jetstreamManager(nc);
  let id = "";
  const act: Record<string, (rest: readonly string[], flags: Record<string, string[]>) => unknown> = {
    context: (rest, flags) => {
      expect([rest, flags]).toEqual([
        ["add", "baton"],
        { "--server": [variables.NATS_URL], "--inbox-prefix": ["_INBOX_client"], "--select": [] },
      ]);
    },
    request: async ([subject = "", body = ""]) => {
      const { status, tasks } = (await nc.request(subject, body, { timeout: 5_000 })).json<{
        status: number;
        tasks: { id: string }[];
      }>();
      expect(status).toBe(201);
      id = tasks[0]?.id as string;
    },
    sub: ([subject = ""]) =>
      void nc.subscribe(subject, { callback: (_, message) => void answers.push(message.json()) }),
    pub: async ([subject = "", body = ""], flags) => {
      const h = newHeaders();
      for (const header of flags["-H"] ?? [])
        h.set(header.slice(0, header.indexOf(":")), header.slice(header.indexOf(":") + 1).trim());
      const [before, waits] = [answers.length, h.has("Baton-Reply")];
      expect(Object.keys(flags)).toContain("-J");
      expect((await jetstream(nc).publish(subject, body, { headers: h })).duplicate).toBe(false);
      if (waits) await until(() => answers.length > before);
    },
    consumer: async ([verb, stream = "", name = ""], flags) => {
      if (verb === "add") {
        expect(flags).toMatchObject({ "--pull": [], "--ack": ["explicit"], "--deliver": ["all"], "--defaults": [] });
        const filter_subject = flags["--filter"]?.[0] as string;
        await manager.consumers.add(stream, { durable_name: name, filter_subject, ack_policy: "explicit" });
      } else {
        expect(verb).toBe("next");
        const message = await (await jetstream(nc).consumers.get(stream, name)).next({ expires: 10_000 });
        id = message?.json<{ task_id: string }>().task_id as string;
        message?.ack();
        await until(async () => (await cluster.status(id)) === "Running");
      }
    },
    stream: async (rest) => {
      expect(rest).toEqual(["view", "BATON_DEAD"]);
      expect((await (await jetstreamManager(nc)).streams.info("BATON_DEAD").catch((error) => error)).message).toMatch(
        /ermission/,
      );
    },
  };
  let promised = 0;
  for (const line of blocks("sh").flatMap((block) => block.trimEnd().split("\n"))) {
    if (/^export TASK_ID=…/.test(line)) {
      variables.TASK_ID = id;
      continue;
    }
    const { words, promise } = split(line, variables);
    const [program, command = "", ...more] = words;
    const { flags, rest } = readFlags(more);
    expect([program, Object.keys(act)]).toEqual(["nats", expect.arrayContaining([command])]);
    await act[command]?.(rest, flags);
    const status = /"status":(\d+)/.exec(promise ?? "")?.[1];
    if (status === undefined) continue;
    promised++;
    expect(String(answers.at(-1)?.status), line).toBe(status);
  }
  expect(promised).toBe(9);
  expect(await cluster.status(id)).toBe("Failure");
});
