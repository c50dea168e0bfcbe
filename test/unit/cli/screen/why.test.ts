// Why a task waits, or ended so: one line for each cause, and the command that looks further.
import { expect, it } from "vitest";
import { whyLines } from "../../../../src/cli/screen/why.ts";
import type { Task } from "../../../../src/sdk/client.ts";

const url = "http://127.0.0.1:9000/run";
const task = (more: object): Task =>
  ({
    ...{
      id: "t",
      batch_id: "b",
      local_id: "load",
      status: "Pending",
      ended_at: null,
      failure_reason: null,
      blocked_by: [],
    },
    ...{ start_kind: "Webhook", actions: [{ kind: "Webhook", trigger: "Start", params: { url, verb: "Post" } }] },
    ...more,
  }) as unknown as Task;
const lines = (more: object) =>
  whyLines(task(more), [], (what, id) => `baton ${what}${id === undefined ? "" : ` ${id}`}`);

it("says once when a receiver is tried again that cannot be reached, by the later time", () => {
  const unreachable = { type: "unreachable", host: "h:1", error: "connect refused", until: "2026-11-30T03:50:47.000Z" };
  const circuit = { type: "circuit", host: "h:1", until: "2026-11-30T03:51:13.000Z" };
  const other = { type: "circuit", host: "h:2", until: "2026-11-30T03:51:00.000Z" };
  expect(lines({ blocked_by: [unreachable, circuit, other] })).toEqual([
    "load is Pending. It waits for:",
    "  h:1: connect refused; it is tried again at 2026-11-30T03:51:13.000Z",
    "  h:2, which could not be reached; it is tried again at 2026-11-30T03:51:00.000Z",
  ]);
  const later = { ...circuit, until: "2026-11-30T03:50:00.000Z" };
  expect(lines({ blocked_by: [unreachable, later] })[1]).toContain("03:50:47");
});

it("leads to a check of the service that refused the call", () => {
  const ended = { ended_at: "2026-11-30T03:51:13.000Z", status: "Failure" };
  const refused = lines({ ...ended, failure_reason: 'on_start failed: HTTP 401: {"error":"No signature fits"}' });
  expect(refused).toContain(` or: baton check-receiver ${url}`);
  expect(lines({ ...ended, failure_reason: "on_start failed: HTTP 500" }).join()).not.toContain("check-receiver");
});
