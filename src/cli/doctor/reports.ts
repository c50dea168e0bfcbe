// Reports that Baton refused lately: no event says so, and their tasks only time out. From the metrics of the API process that answers.
import { ago } from "../screen/columns.ts";
import { check, type Finding } from "./finding.ts";

const what = "reports";
/** What was refused longer ago may be mended since. */
const lateMs = 3_600_000;
const refused = /^baton_report_refused_timestamp_seconds\{status="(\w+)"\} (\S+)$/gm;

const mends: Readonly<Record<string, string>> = {
  401: "Let the service report to the handle as it came, with its whole query; handles carry a signature where HANDLE_SECRET is set, to the same in every process of Baton. Or give the service a token that may operate",
  403: "The token of the service may not operate: give it another one, or none where HANDLE_SECRET is set and the handle is sent as it came",
};
const mendOther = "The log of Baton says what was wrong with each, and names its task";

/** `text`: as Prometheus reads it. `apis`: how many processes serve the API, each with metrics of its own. */
export function ofReports(text: string, nowMs: number, apis: number): Finding[] {
  const whose = apis > 1 ? ` (by the one of ${apis} API processes that was asked)` : "";
  const found = [...text.matchAll(refused)].flatMap(([, status = "", secs]): Finding[] => {
    const atMs = Number(secs) * 1e3;
    if (nowMs - atMs > lateMs) return [];
    const says = `refused with ${status}, the last one ${ago(new Date(atMs).toISOString(), nowMs)} ago${whose}`;
    return [{ what, state: "warning", says, mend: mends[status] ?? mendOther }];
  });
  return found.length > 0 ? found : [check(what, `none refused in the last hour${whose}`)];
}

/** Where only scrapers get at the metrics. */
export const unseenReports: Finding = {
  ...{ what, state: "unseen", says: "the metrics cannot be read from here" },
  mend: "Baton logs a warning for each report that it refuses",
};
