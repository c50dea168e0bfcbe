// A batch as one page that stands alone, to hang on a ticket: what it was, why it failed, its graph and its tasks as they stood. It
// needs no network, holds no script, and texts of tasks are texts in it. Pure.
import type { Batch, ListedTask, TaskAttempt, TaskStatus } from "../../../../sdk/client.ts";
import { durationText, numberText } from "../../../data/format.ts";
import { barOrder } from "../../../data/states.ts";
import { tookMs } from "./csv.ts";
import { escaped } from "./escaped.ts";

export interface Ticket {
  readonly name: string;
  readonly batch: Batch;
  readonly tasks: readonly ListedTask[];
  /** Of those that failed, as far as they were asked for. */
  readonly attempts: ReadonlyMap<string, readonly TaskAttempt[]>;
  /** As SVG; empty: too large to draw. */
  readonly picture: string;
  /** Where the batch is seen live. */
  readonly url: string;
  readonly at: string;
}

const rowsMax = 5_000;
/** What a reader of a ticket looks for comes first. */
const rankOf = (state: TaskStatus): number => barOrder.indexOf(state);

export function ticketOf({ name, batch, tasks, attempts, picture, url, at }: Ticket): string {
  const sorted = tasks.toSorted((a, b) => rankOf(a.status) - rankOf(b.status));
  const failed = sorted.filter(({ status, id }) => status === "Failure" && attempts.has(id));
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(name)}: ${batch.status}</title>`,
    `<meta name="viewport" content="width=device-width"><style>${style}</style></head><body>`,
    `<h1>${escaped(name)} <span class="${stateOf(batch)}">${batch.status}</span></h1>`,
    facts(batch, url, at),
    why(batch),
    `<p class="counts">${counts(batch)}</p>`,
    picture === "" ? "" : `<div class="graph">${picture}</div>`,
    failed.length === 0 ? "" : "<h2>What failed, attempt by attempt</h2>",
    ...failed.map((task) => failure(task, attempts.get(task.id) ?? [])),
    `<h2>Tasks</h2>${table(
      ["Task", "Kind", "State", "Attempts", "Started", "Took", "Reason"],
      sorted.slice(0, rowsMax).map(cells),
    )}`,
    sorted.length > rowsMax ? `<p>and ${numberText(sorted.length - rowsMax)} more.</p>` : "",
    "</body></html>",
  ].join("\n");
}

const stateOf = ({ status }: Batch): TaskStatus =>
  (({ running: "Running", paused: "Paused", success: "Success", failure: "Failure", canceled: "Canceled" }) as const)[
    status
  ];

function facts({ batch_id, created_at, created_by, completed_at, rerun_of }: Batch, url: string, at: string): string {
  const rows: readonly (readonly [string, string])[] = [
    ["Batch", `<code>${escaped(batch_id)}</code>, <a href="${escaped(url)}">as it is now</a>`],
    ["Created", `${escaped(created_at)} by <code>${escaped(created_by)}</code>`],
    ["Ended", completed_at === null ? "not yet" : escaped(completed_at)],
    ...(rerun_of === null ? [] : [["Reruns", `<code>${escaped(rerun_of)}</code>`] as const]),
    ["This page", `made ${escaped(at)}`],
  ];
  return `<dl>${rows.map(([term, said]) => `<dt>${term}</dt><dd>${said}</dd>`).join("")}</dl>`;
}

function why({ first_failure: first }: Batch): string {
  if (first === null) return "";
  const more = first.followed > 0 ? ` ${numberText(first.followed)} more failed because of it.` : "";
  const reason = escaped(first.reason ?? "no reason was given");
  return `<p class="why"><b>${escaped(first.name)}</b> failed first, at ${escaped(first.at)}: <code>${reason}</code>${more}</p>`;
}

const counts = ({ status_counts, total_tasks }: Batch): string =>
  [
    ...barOrder.flatMap((state) => {
      const n = status_counts[state.toLowerCase() as keyof typeof status_counts] ?? 0;
      return n === 0 ? [] : [`<span class="${state}">${numberText(n)} ${state}</span>`];
    }),
    `of ${numberText(total_tasks)}`,
  ].join(" ");

function failure({ name, failure_reason }: ListedTask, attempts: readonly TaskAttempt[]): string {
  const rows = attempts.map(({ attempt, claimed_at, status, error, ms, worker }) => [
    ...[String(attempt + 1), escaped(claimed_at), String(status ?? "none"), escaped(error ?? "")],
    ...[ms.answer === null ? "" : durationText((ms.connect ?? 0) + ms.answer), escaped(worker ?? "")],
  ]);
  const heads = ["Attempt", "Claimed", "Answer", "Error", "Took", "Worker"];
  return `<h3>${escaped(name)}</h3><p><code>${escaped(failure_reason ?? "")}</code></p>${table(heads, rows)}`;
}

function cells(task: ListedTask): string[] {
  const took = tookMs(task);
  return [
    ...[escaped(task.name), `<code>${escaped(task.kind)}</code>`, `<span class="${task.status}">${task.status}</span>`],
    ...[String(task.attempt + 1), escaped(task.started_at ?? ""), took === null ? "" : durationText(took)],
    escaped(task.failure_reason ?? ""),
  ];
}

const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table><tr>${heads.map((head) => `<th>${head}</th>`).join("")}</tr>${rows
    .map((row) => `<tr>${row.map((one) => `<td>${one}</td>`).join("")}</tr>`)
    .join("\n")}</table>`;

const colours: Readonly<Record<TaskStatus, string>> = {
  ...{ Waiting: "#86909b", Pending: "#546378", Claimed: "#4481ae", Running: "#204ca5", Retrying: "#bb8124" },
  ...{ Paused: "#844bc9", Success: "#38a264", Failure: "#b02a27", Canceled: "#3e281e", Skipped: "#7a7865" },
};

const style = [
  "body{font:14px/20px system-ui,sans-serif;margin:24px;color:#1b212b;background:#fff}",
  "h1{font-size:20px}h2{font-size:16px;margin-top:28px}h3{font-size:14px;margin-bottom:0}",
  "code{font:12px ui-monospace,monospace;overflow-wrap:anywhere}dl{display:grid;grid-template-columns:90px 1fr}dd{margin:0}dt{color:#566070}",
  "table{border-collapse:collapse;font-size:13px}td,th{text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid #e2e6ec;vertical-align:top}",
  ".why{border:1px solid #e3b5b3;background:#fdf3f2;border-radius:6px;padding:10px 12px}.counts span{margin-right:12px}",
  ".graph{overflow:auto;border:1px solid #e2e6ec;border-radius:6px}svg{max-width:100%;max-height:640px;display:block;margin:auto}",
  ".edge{fill:none;stroke:#a9b2bf;stroke-width:1.2}g rect{fill:#fff;stroke-width:1.5}g text{font-size:12px;fill:#1b212b}",
  ...Object.entries(colours).map(
    ([state, colour]) => `span.${state}{color:${colour};font-weight:600}g.${state} rect{stroke:${colour}}`,
  ),
  "g.Failure rect{fill:#f6d9d8;stroke-width:2.5}g.Success rect{fill:#e9f6ee}",
].join("\n");
