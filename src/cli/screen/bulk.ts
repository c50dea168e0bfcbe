// Draws how far a bulk operation is: a bar, and what became of its items. Pure.
import type { BulkOperation } from "../../sdk/client.ts";
import { shortId } from "../context.ts";
import { bar, type Terminal, thousands } from "./terminal.ts";

/** "1,280 of 4,210 done, 3 skipped, 0 failed". */
export function bulkCounts({ matched, done, skipped, failed }: BulkOperation): string {
  const all = matched === null ? "" : ` of ${thousands(matched)}`;
  return `${thousands(done)}${all} done, ${thousands(skipped)} skipped, ${thousands(failed)} failed`;
}

export function bulkPicture(seen: BulkOperation, terminal: Pick<Terminal, "columns" | "paint">): string[] {
  const { paint } = terminal;
  const counts = bulkCounts(seen);
  const title = `  ${paint("bold", `${seen.action} ${shortId(seen.bulk_id)}`)}  ${paint("dim", seen.state)}`;
  const wide = Math.min(50, terminal.columns - counts.length - 6);
  if (wide < 10) return ["", title, `  ${counts}`, ""];
  const over = seen.done + seen.skipped + seen.failed;
  const share = seen.matched === null ? 0 : seen.matched === 0 ? 1 : over / seen.matched;
  const { full, rest } = bar(share, wide);
  const style = seen.failed > 0 ? "red" : share === 1 ? "green" : "cyan";
  return ["", title, `  ${paint(style, full)}${paint("dim", rest)}  ${counts}`, ""];
}
