// What of a batch is taken along on paper: no text of a task may do anything there.
import { expect, it } from "vitest";
import { layout } from "#web/graph/layout/layout";
import { csvOf } from "#web/screens/batch/export/csv";
import { pictureOf } from "#web/screens/batch/export/picture";
import { ticketOf } from "#web/screens/batch/export/ticket";
import type { Batch, ListedTask } from "../../../../../../src/sdk/client.ts";

const evil = `<img src=x onerror="alert(1)">`;

const task = (more: Partial<ListedTask>): ListedTask =>
  ({
    ...{ id: "019b", local_id: "a", name: "load", kind: "etl", status: "Failure", attempt: 1, success: 0, failures: 0 },
    ...{ created_at: "2026-11-29T10:00:00.000Z", started_at: "2026-11-29T10:00:01.000Z" },
    ...{ ended_at: "2026-11-29T10:00:03.500Z", failure_reason: "HTTP 500" },
    ...more,
  }) as ListedTask;

const batch = {
  ...{ batch_id: "019b-batch", status: "failure", total_tasks: 2, created_at: "2026-11-29T10:00:00.000Z" },
  ...{ created_by: "token:night", completed_at: "2026-11-29T10:01:00.000Z", rerun_of: null },
  status_counts: { failure: 1, success: 1 },
  first_failure: { task_id: "019b", local_id: "a", name: evil, reason: evil, at: "2026-11-29T10:00:03Z", followed: 3 },
} as unknown as Batch;

it("writes a line for each task, with commas, quotes and line ends as they were", () => {
  const lines = csvOf([task({}), task({ name: 'a "b", c', failure_reason: "one\ntwo" })]).split("\r\n");
  expect(lines[0]).toBe(
    "id,local_id,name,kind,status,attempts,created_at,started_at,ended_at,took_ms,success,failures,failure_reason",
  );
  expect(lines[1]).toBe(
    "019b,a,load,etl,Failure,2,2026-11-29T10:00:00.000Z,2026-11-29T10:00:01.000Z,2026-11-29T10:00:03.500Z,2500,0,0,HTTP 500",
  );
  expect(lines[2]).toContain(',"a ""b"", c",');
  expect(lines[2]).toContain('"one\ntwo"');
});

it("lets no name of a task be a formula in a sheet", () => {
  for (const name of ["=1+1", "+1", "-1", "@x", "\tx"]) expect(csvOf([task({ name })])).toContain(`,'${name},`);
});

it("says in one page what failed, why, by which attempts, and how all tasks stood", () => {
  const attempt = { attempt: 0, claimed_at: "2026-11-29T10:00:01Z", worker: "w1", status: 500, error: evil } as const;
  const page = ticketOf({
    ...{
      name: evil,
      batch,
      tasks: [task({ id: "2", name: "fine", status: "Success", failure_reason: null }), task({ name: evil })],
    },
    attempts: new Map([["019b", [{ ...attempt, ms: { connect: 2, answer: 180 } } as never]]]),
    picture: pictureOf({ names: [evil, "b"], states: ["Failure", "Success"], from: [0], to: [1] }, laid()),
    ...{ url: "http://baton/view/batches/019b-batch", at: "2026-11-29T11:00:00Z" },
  });
  expect(page).not.toContain("<img");
  expect(page).not.toContain("<script");
  // Nothing is fetched: the one address is a link.
  expect(page.match(/https?:\/\//g)).toHaveLength(1);
  expect(page).toContain("3 more failed because of it");
  expect(page).toContain("182 ms");
  expect(page).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;");
  // What failed comes before what succeeded.
  expect(page.lastIndexOf("HTTP 500")).toBeLessThan(page.lastIndexOf(">fine<"));
});

const laid = () =>
  layout({
    ...{ n: 2, from: Int32Array.of(0), to: Int32Array.of(1), labelWidth: Float32Array.of(90, 90) },
    ...{ width: 800, height: 400 },
  });
