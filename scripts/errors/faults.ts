// What the reference says of each code of a fault: what to do, and an example that a test sends to a real Baton.
import type { FaultCode } from "../../src/domain/faults.ts";

export interface FaultWords {
  readonly todo: string;
  /** A call, `POST /task` unless it says otherwise. */
  readonly call?: `${string} /${string}`;
  /** The body: a value, or a text that JSON has no value for. */
  readonly sent?: unknown;
  /** The line of `details`. */
  readonly says: string;
}

const task = (more: object = {}) => ({ id: "a", name: "A", kind: "k", ...more });
const calling = (params: object, more: object = {}) =>
  task({
    on_start: { kind: "Webhook", params: { url: "https://service.example.com/a", verb: "Post", ...params } },
    ...more,
  });
const after = (...ids: string[]) => ({ dependencies: ids.map((id) => ({ id })) });

export const faultWords: Record<FaultCode, FaultWords> = {
  required: {
    todo: "Add the member. `null` is the same as leaving it out.",
    sent: [{ id: "a", kind: "k" }],
    says: "tasks[0].name: is required",
  },
  unknown_field: {
    todo: "Look at the spelling: names are in snake_case. A field that does not exist is refused, so that a typing error does not go unnoticed. Data of your own goes into `metadata` or the `body` of an action.",
    sent: [task({ retries: 3 })],
    says: "tasks[0].retries: is not a known field",
  },
  unknown_parameter: {
    todo: "Look at the parameters of the call in [HTTP](http.md).",
    call: "GET /task?state=Running",
    says: '"state": is not a known parameter; known are page, page_size, after, status, kind, name, batch_id, metadata, timeout, start_kind; did you mean "status"?',
  },
  repeated: {
    todo: "Send the parameter once. Several values of a status are separated by commas: `status=Failure,Canceled`.",
    call: "GET /task?kind=a&kind=b",
    says: "kind: must be given once",
  },
  wrong_type: {
    todo: 'Send the type that the message names. Nothing is converted: `"60"` and `true` are no integers.',
    sent: [task({ timeout: "60" })],
    says: 'tasks[0].timeout: must be an integer from 1 to 31536000, not "60"',
  },
  out_of_range: {
    todo: "Send a value within the limits that the message names. Lengths count characters.",
    sent: [task({ priority: 5000 })],
    says: "tasks[0].priority: must be an integer from -1000 to 1000, not 5000",
  },
  not_allowed: {
    todo: "Send one of the values that the message names; they are case-sensitive.",
    sent: [task({ ...after(), join: "some" })],
    says: 'tasks[0].join: must be one of all, any, not "some"',
  },
  invalid_format: {
    todo: "Write the text as the message says: a time needs an offset (`2026-11-29T08:00:00Z`), a subject begins with `baton.work.`.",
    sent: [task({ run_at: "tomorrow" })],
    says: 'tasks[0].run_at: must be an RFC 3339 time with an offset, such as 2030-01-31T12:00:00.000Z, not "tomorrow"',
  },
  too_many: {
    todo: "Send fewer, or ask the operator for more where the limit is a [setting](../configuration.md) (`MAX_TASKS_PER_BATCH`, `MAX_DEPS_PER_TASK`, `MAX_LINKS_PER_BATCH`, `MAX_ACTIONS_PER_TASK`). Tasks can also be [added later](../growing.md).",
    sent: [
      calling(
        { inputs: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`n${i}`, { task: "b" }])) },
        after("b"),
      ),
      task({ id: "b" }),
    ],
    says: "tasks[0].on_start.params.inputs: must have at most 50 entries, has 51",
  },
  too_large: {
    todo: "Keep large data elsewhere and send its address.",
    sent: [task({ metadata: { note: "x".repeat(66_000) } })],
    says: "tasks[0].metadata: must take at most 65536 bytes as compact JSON, takes 66011",
  },
  too_deep: {
    todo: "Flatten the value, or send it as a text that holds JSON.",
    sent: `${"[".repeat(40)}${"]".repeat(40)}`,
    says: "body: must not be nested over 32 levels",
  },
  duplicate: {
    todo: "Give each task of a batch an id of its own, and name each dependency once.",
    sent: [task(), task()],
    says: 'tasks[1].id: "a" is already the id of tasks[0]',
  },
  conflict: {
    todo: "Leave one of the two out, as the message says.",
    sent: [task({ run_at: "2026-11-29T08:00:00Z", delay_secs: 5 })],
    says: "tasks[0].delay_secs: must not be given together with run_at",
  },
  number_changed: {
    todo: "Send large whole numbers, such as ids of other systems, as texts: most programs that read JSON would change them.",
    sent: '[{"id": "a", "name": "A", "kind": "k", "metadata": {"order": 9007199254740993}}]',
    says: "tasks[0].metadata.order: 9007199254740993 would be kept as 9007199254740992: send it as a text",
  },
  unsafe_text: {
    todo: "Take the character out: Postgres cannot keep NUL, and half of a surrogate pair is no text. `__proto__` is refused as a name.",
    sent: '[{"id": "a", "name": "A\\u0000", "kind": "k"}]',
    says: "tasks[0].name: holds a NUL character",
  },
  dependency_unknown: {
    todo: "Name a task of the same call by its `id`, or, when [adding](../growing.md), one of the batch. By the signature of a handle alone only tasks that the task itself added are known.",
    sent: [task({ id: "host" }), task({ id: "b", ...after("ghost") })],
    says: 'tasks[1].dependencies[0].id: no task of this call has the id "ghost"; did you mean "host"?',
  },
  dependency_self: {
    todo: "Take the dependency out.",
    sent: [task(after("a"))],
    says: "tasks[0].dependencies[0].id: must not name the task itself",
  },
  dependency_cycle: {
    todo: "Take one of the dependencies out. For work that is done over, use `retry`, or let a task [add tasks](../growing.md).",
    sent: [task(after("b")), task({ id: "b", ...after("a") })],
    says: 'tasks[0].dependencies[0].id: closes a cycle of 2 tasks: "a" → "b" → "a"',
  },
  input_no_ancestor: {
    todo: "Let the task depend on the one whose result it reads, directly or through others: otherwise that may not have ended when the call is made. See [data between tasks](../data.md).",
    sent: [calling({ inputs: { rows: { task: "b" } } }), task({ id: "b" })],
    says: 'tasks[0].on_start.params.inputs.rows.task: must name a task that this one depends on, directly or through others, not "b"',
  },
  receiver_blocked: {
    todo: "Baton calls no private addresses, so that a batch cannot reach what lies behind the firewall. Ask the operator to open what your service needs, by the setting that the error names; where a name leads to a private address, the error names the name, too ([security](../security.md#addresses-that-baton-does-not-call)).",
    sent: [calling({ url: "http://10.2.3.4/latest" })],
    says: "tasks[0].on_start.params.url: must not point to a private address (10.0.0.0/8); to allow it, give Baton ALLOWED_CIDRS=10.2.3.4/32",
  },
  header_reserved: {
    todo: "Choose another name. Which headers Baton sets is in [calls](../calls.md#the-request).",
    sent: [calling({ headers: { "Idempotency-Key": "mine" } })],
    says: "tasks[0].on_start.params.headers.Idempotency-Key: is set by Baton or by the connection itself",
  },
  empty: {
    todo: "Send a body. Where nothing is to be said, send `{}`.",
    sent: "",
    says: "body: is empty",
  },
};
