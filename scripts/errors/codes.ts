// What the reference says of each code of an error answer: what to do, and an example. The call of an example is sent to a real
// Baton by a test where it has `sent` or needs none; `given` says what must be so before.
import type { ErrorCode } from "../../src/domain/errors.ts";

export interface ErrorWords {
  readonly todo: string;
  readonly call: string;
  readonly given?: string;
  readonly error: string;
  readonly details?: readonly string[];
}

const id = "019b76a2-7c00-7000-8000-00000000000a";

export const errorWords: Record<ErrorCode, ErrorWords> = {
  malformed_json: {
    todo: "Send one JSON value in UTF-8. `faults` says where reading stopped.",
    call: "POST /task",
    given: "a body that ends in the middle of a text",
    error: "Malformed JSON",
  },
  invalid_id: {
    todo: "Take the `id` of a task from the answer that created it, that of a batch from `X-Batch-ID`. Local ids such as `build` are known only within their batch.",
    call: "GET /task/build",
    error: "Invalid id",
    details: ['id: must be a UUID, not "build"'],
  },
  validation_failed: {
    todo: "Mend everything that `details` lists: it is the whole list, not the first fault. `faults` says the same for programs; what each of its codes means is [below](#codes-of-faults). 417 and 431 come where HTTP itself is broken: an `Expect` that is not `100-continue`, headers that are too large.",
    call: "POST /task",
    given: "a body of two tasks, of which one has no name and one depends on a task that is not there",
    error: "Validation failed",
    details: ["tasks[0].name: is required", 'tasks[1].dependencies[0].id: no task of this call has the id "ghost"'],
  },
  not_in_this_state: {
    todo: "Read `current_status`, and `allowed`, which says what the task takes now. A report on a task that has ended is too late: the service stops. A report that says what is so already is no error but 200.",
    call: `PATCH /task/${id}`,
    given: "a task that was canceled, and a report of success",
    error: "A task that is Canceled does not accept succeed",
  },
  unauthorized: {
    todo: "Send `Authorization: Bearer <token>`. A service reports to its handle as it got it, with `sig`; it needs no token then. [Security](../security.md) has the roles.",
    call: "GET /task",
    given: "`AUTH_TOKEN` is set, and the call has no token",
    error: "A valid bearer token is needed",
  },
  forbidden: {
    todo: "Use a token of a larger role: `read` < `submit` < `operate`. Which one a call needs is in [HTTP](http.md).",
    call: `DELETE /batch/${id}`,
    given: "a token with the role `read`",
    error: "The token's role, read, does not allow this",
  },
  unknown_task: {
    todo: "Look at the id. Retention deletes tasks with their batch.",
    call: `GET /task/${id}`,
    error: "No such task",
  },
  unknown_batch: {
    todo: "Look at the id: that of a batch is in `X-Batch-ID` and in `batch_id` of its tasks, and is not that of a task.",
    call: `GET /batch/${id}`,
    error: "No such batch",
  },
  unknown_delivery: {
    todo: "Take the id from `GET /webhook-deliveries`. Start calls are not among them: they are in `GET /task/{id}/attempts`.",
    call: `GET /webhook-deliveries/${id}`,
    error: "No such delivery",
  },
  unknown_schedule: {
    todo: "List the names with `GET /schedules`.",
    call: "GET /schedules/nightly",
    error: "No such schedule",
  },
  unknown_bulk: {
    todo: "Take the id from the answer that began the operation, or from `GET /bulk`.",
    call: `GET /bulk/${id}`,
    error: "No such bulk operation",
  },
  unknown_dead_letter: {
    todo: "It was sent again already, or is over 30 days old. `GET /dead-letters` lists what there is.",
    call: `POST /dead-letters/${id}/replay`,
    error: "No such dead letter",
  },
  unknown_route: {
    todo: "Compare the path with [HTTP](http.md). A process without the role `api` knows only `/health`, `/ready` and `/metrics`.",
    call: "GET /tasks",
    error: "No such route",
    details: ["GET /tasks; did you mean /task?"],
  },
  method_not_allowed: {
    todo: "Use a method that `Allow` names.",
    call: "DELETE /task",
    error: "This path takes POST, GET, HEAD only",
    details: ["DELETE /task"],
  },
  wrong_attempt: {
    todo: "The attempt that reports is over, and another one runs: stop the work. A service that began again reports to the handle of the newest call.",
    call: `PATCH /task/${id}?attempt=3`,
    given: "a task in its first attempt, and a report for attempt 3",
    error: "attempt 3 is not the present one, which is 0",
  },
  batch_complete: {
    todo: "Create a new batch. One that should stay open for tasks to come is created with `open: true` ([growing](../growing.md#open-batches)).",
    call: `POST /batch/${id}/tasks`,
    given: "a batch whose tasks have all ended",
    error: "The batch is complete",
  },
  batch_not_complete: {
    todo: "Wait until the batch has ended (`completed_at`), or stop it first: `DELETE /batch/{id}`.",
    call: `POST /batch/${id}/rerun`,
    given: "a batch with a task that has not ended",
    error: "The batch has not ended: 1 of 1 tasks are unfinished",
  },
  delivery_pending: {
    todo: "Nothing: it is sent again by itself. `next_at` says when.",
    call: `POST /webhook-deliveries/${id}/replay`,
    given: "a delivery that is still being tried",
    error: "A delivery that is pending is not replayed",
  },
  key_in_flight: {
    todo: "Repeat the call after `Retry-After`, under the same key: it gets the first answer as soon as there is one.",
    call: "POST /task",
    given: "a creation with the same key that has been under way for over 10 s",
    error: "The first call is still under way",
  },
  body_too_large: {
    todo: "Send fewer tasks in a call and add the others ([growing](../growing.md)), or ask the operator for a larger `PAYLOAD_MAX_BYTES`. Large data belongs elsewhere: send its address.",
    call: "POST /task",
    given: "a body over 2 MiB",
    error: "Body too large",
  },
  unsupported_media_type: {
    todo: "Send `content-type: application/json`, uncompressed.",
    call: "POST /task",
    given: "a body with `content-type: text/plain`",
    error: "Content type must be application/json",
  },
  key_reused: {
    todo: "Give each thing that you want done a key of its own. The same key with another body would be answered as if it were the first, so it is refused.",
    call: "POST /task",
    given: "a key under which another batch was created",
    error: "This idempotency key was used with another request",
  },
  too_many_unfinished: {
    todo: "Wait for `Retry-After` and send the call again; the SDK does so by itself. Where it lasts, look at what does not end: `GET /overview`.",
    call: "POST /task",
    given: "`MAX_UNFINISHED_TASKS` tasks are unfinished",
    error: "Too many tasks are unfinished",
  },
  too_many_streams: {
    todo: "Share one stream: without `batch_id` it has all transitions. A program on the server's side may read them on NATS ([events](../events.md)).",
    call: "GET /events",
    given: "as many streams as a process keeps open",
    error: "Too many streams of events are open",
  },
  internal: {
    todo: "Look into the log of the process, and tell the people who make Baton: no call may cause this.",
    call: "GET /task",
    given: "a fault in Baton",
    error: "Internal error",
  },
  unavailable: {
    todo: "Repeat the call after `Retry-After`, with an `Idempotency-Key` where it creates something. `GET /ready` says which of the two is away.",
    call: "GET /task",
    given: "Postgres cannot be reached",
    error: "Postgres cannot be reached",
  },
  busy: {
    todo: "Repeat the call after `Retry-After`. Where it lasts: is a worker alive (`GET /workers`)? Does a session hold a lock for minutes?",
    call: `PATCH /task/${id}`,
    given: "no worker is alive",
    error: "no actor answered in time",
  },
};
