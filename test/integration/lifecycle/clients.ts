// The two ways in for a client's commands, HTTP and NATS, as one verb: ask, and get the answer in one shape.
import { jetstream } from "@nats-io/jetstream";
import { connect, createInbox, headers } from "@nats-io/transport-node";
import { outcomes } from "#domain/state";
import type { TaskEvent } from "#machines/task";
import type { Cluster } from "#test/cluster";
import { eventKey } from "#test/table";
import { within } from "#test/until";

const overrides = outcomes.map((as) => `override ${as}` as const);
/** What a refusal may name as accepted. */
export const acceptedVerbs = ["succeed", "fail", "skip", "cancel", "pause", "resume", "update"] as const;
export const clientVerbs = [...acceptedVerbs, ...overrides] as const;
export type ClientVerb = (typeof clientVerbs)[number];

/** The event that a verb asks for. */
export function eventOf(verb: ClientVerb): TaskEvent {
  const as = outcomes.find((one) => verb === `override ${one}`);
  return as === undefined ? ({ type: verb } as TaskEvent) : { type: "override", as };
}
/** The verb that asks for an event; undefined: no client does. */
export const verbOf = (event: TaskEvent): ClientVerb | undefined =>
  clientVerbs.find((verb) => verb === eventKey(event));

export interface Answer {
  readonly status: number;
  readonly error?: string;
  /** What the machine accepts now; where the refusal says so. */
  readonly allowed?: readonly string[];
  /** The state that the answer names, and the attempt. */
  readonly state?: string;
  readonly attempt?: number;
}

export interface Client {
  readonly name: "HTTP" | "NATS";
  ask(verb: ClientVerb, id: string): Promise<Answer>;
  close(): Promise<void>;
}

/** What each verb sends along. */
const fields: Record<ClientVerb, Record<string, unknown>> = {
  succeed: {},
  fail: { failure_reason: "reported" },
  skip: { failure_reason: "reported" },
  "override Success": { status: "Success", reason: "by hand" },
  "override Failure": { status: "Failure", reason: "by hand" },
  "override Skipped": { status: "Skipped", reason: "by hand" },
  cancel: {},
  pause: {},
  resume: {},
  update: { expected_count: 7 },
};

export function httpClient(cluster: Cluster): Client {
  const override = (verb: ClientVerb) => (id: string) => cluster.call("POST", `/task/${id}/override`, fields[verb]);
  const calls: Record<ClientVerb, (id: string) => ReturnType<Cluster["call"]>> = {
    succeed: (id) => cluster.call("PATCH", `/task/${id}`, { status: "Success" }),
    fail: (id) => cluster.call("PATCH", `/task/${id}`, { status: "Failure", ...fields.fail }),
    skip: (id) => cluster.call("PATCH", `/task/${id}`, { status: "Skipped", ...fields.skip }),
    "override Success": override("override Success"),
    "override Failure": override("override Failure"),
    "override Skipped": override("override Skipped"),
    update: (id) => cluster.call("PATCH", `/task/${id}`, fields.update),
    cancel: (id) => cluster.call("DELETE", `/task/${id}`),
    pause: (id) => cluster.call("PATCH", `/task/pause/${id}`),
    resume: (id) => cluster.call("PATCH", `/task/resume/${id}`),
  };
  return {
    name: "HTTP",
    async ask(verb, id) {
      const { status, body } = await calls[verb](id);
      const { error, allowed, attempt } = body;
      return { status, error, allowed, attempt, state: body.current_status ?? body.status };
    },
    close: async () => {},
  };
}

export async function natsClient(cluster: Cluster): Promise<Client> {
  const nc = await connect({ servers: cluster.nats.url });
  const js = jetstream(nc);
  return {
    name: "NATS",
    async ask(verb, id) {
      const inbox = createInbox();
      const answers = nc.subscribe(inbox, { max: 1 });
      const h = headers();
      h.set("Baton-Reply", inbox);
      await js.publish(`baton.task.${id}.${verb.split(" ")[0]}`, JSON.stringify(fields[verb]), { headers: h });
      const first = async () => {
        for await (const answer of answers) return answer.json<Answer>();
        throw new Error(`${verb} got no answer`);
      };
      return within(first, 15_000, `the answer to ${verb}`);
    },
    close: () => nc.close(),
  };
}
