// The tasks of a batch as CSV (RFC 4180), for a sheet. Pure.
import type { ListedTask } from "../../../../sdk/client.ts";

const columns: readonly (readonly [head: string, of: (task: ListedTask) => string | number | null])[] = [
  ["id", ({ id }) => id],
  ["local_id", ({ local_id }) => local_id],
  ["name", ({ name }) => name],
  ["kind", ({ kind }) => kind],
  ["status", ({ status }) => status],
  ["attempts", ({ attempt }) => attempt + 1],
  ["created_at", ({ created_at }) => created_at],
  ["started_at", ({ started_at }) => started_at],
  ["ended_at", ({ ended_at }) => ended_at],
  ["took_ms", tookMs],
  ["success", ({ success }) => success],
  ["failures", ({ failures }) => failures],
  ["failure_reason", ({ failure_reason }) => failure_reason],
];

export function tookMs({ started_at, ended_at }: ListedTask): number | null {
  return started_at === null || ended_at === null ? null : Date.parse(ended_at) - Date.parse(started_at);
}

export function csvOf(tasks: readonly ListedTask[]): string {
  const lines = [columns.map(([head]) => head), ...tasks.map((task) => columns.map(([, of]) => cell(of(task))))];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

/** A sheet would take a text that begins like a formula for one, and names of tasks come from anybody. */
function cell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
