// What can be done with a task, as one would do it from a terminal or a program: by curl, the command line, NATS or the SDK. Pure.
// A token is never written out: what is copied ends up in tickets.
import type { Task } from "../../../../sdk/client.ts";
import { isFinalState } from "../../../data/states.ts";

export const tools = ["curl", "CLI", "NATS", "SDK"] as const;
export type Tool = (typeof tools)[number];

export interface Command {
  readonly name: string;
  readonly by: Readonly<Record<Tool, string>>;
}

export interface Place {
  /** The address of the API, without a slash at its end. */
  readonly url: string;
  readonly hasToken: boolean;
}

type Copied = Pick<Task, "id" | "batch_id" | "status">;

export function commandsOf(task: Copied, place: Place): readonly Command[] {
  const make = commandMaker(task, place);
  const look = make(
    "Look at it",
    { method: "GET", path: `/task/${task.id}` },
    `get ${task.id}`,
    `baton.task("${task.id}")`,
  );
  const watch = `nats sub "baton.event.${task.batch_id}.${task.id}.>"`;
  const shown = { ...look, by: { ...look.by, NATS: watch } };
  return isFinalState(task.status) ? [shown, rerun(task, make)] : [shown, ...changes(task, make)];
}

function changes({ id, status }: Copied, make: Make): Command[] {
  const isHeld = status === "Paused";
  const isEarly = status === "Waiting" || status === "Pending" || status === "Retrying";
  const isAtWork = status === "Running" || status === "Claimed";
  const path = `/task/${id}`;
  return [
    make(
      "Cancel it",
      { method: "DELETE", path: `${path}?reason=why` },
      `cancel ${id} --reason why`,
      `baton.cancel("${id}", "why")`,
      ["cancel", { reason: "why" }],
    ),
    ...(isEarly ? [hold("pause", "Pause it", id, make)] : []),
    ...(isHeld ? [hold("resume", "Resume it", id, make)] : []),
    ...(isAtWork
      ? [
          make(
            "Report success",
            { method: "PATCH", path, body: { status: "Success" } },
            `complete {url}${path}`,
            `baton.patch("${id}", { status: "Success" })`,
            ["succeed", {}],
          ),
        ]
      : []),
    make(
      "Override its end",
      { method: "POST", path: `${path}/override`, body: { status: "Success", reason: "why" } },
      `override ${id} --status Success --reason why`,
      `baton.override("${id}", { status: "Success", reason: "why" })`,
      ["override", { status: "Success", reason: "why" }],
    ),
  ];
}

const hold = (verb: "pause" | "resume", name: string, id: string, make: Make): Command =>
  make(
    name,
    { method: "PATCH", path: `/task/${verb}/${id}?reason=why` },
    `${verb} ${id} --reason why`,
    `baton.${verb}("${id}", "why")`,
    [verb, { reason: "why" }],
  );

function rerun({ id, batch_id }: Copied, make: Make): Command {
  const command = make(
    "Rerun from here",
    { method: "POST", path: `/batch/${batch_id}/rerun`, body: { from: [id] } },
    `rerun ${batch_id} --from ${id}`,
    `baton.rerun("${batch_id}", { from: ["${id}"] })`,
  );
  return { ...command, by: { ...command.by, NATS: "# A rerun goes by HTTP: there is no subject for it." } };
}

interface Http {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

type Make = (
  name: string,
  http: Http,
  cli: string,
  sdk: string,
  nats?: readonly [verb: string, fields: object],
) => Command;

function commandMaker({ id }: Copied, { url, hasToken }: Place): Make {
  const token = hasToken ? `, { token: process.env.BATON_TOKEN }` : "";
  const sdkHead = `import { connect } from "@baton/sdk";\n\nconst baton = connect("${url}"${token});\n`;
  const environment = hasToken ? `BATON_URL=${url} BATON_TOKEN=…` : `BATON_URL=${url}`;
  return (name, { method, path, body }, cli, sdk, nats) => ({
    name,
    by: {
      curl: [
        `curl ${method === "GET" ? "" : `-X ${method} `}'${url}${path}'`,
        ...(hasToken ? [`  -H "authorization: Bearer $BATON_TOKEN"`] : []),
        ...(body ? [`  -H 'content-type: application/json' -d '${JSON.stringify(body)}'`] : []),
      ].join(" \\\n"),
      CLI: `${environment} baton ${cli.replace("{url}", url)}`,
      NATS: nats ? `nats pub -J "baton.task.${id}.${nats[0]}" '${JSON.stringify(nats[1])}'` : "",
      SDK: `${sdkHead}await ${sdk};`,
    },
  });
}
