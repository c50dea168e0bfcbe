// What Baton says of itself over its API: whether it answers, what it lacks, whom the token is, and what holds up its work.
import { BatonRefused, type Client, type WorkerProcess } from "../../sdk/client.ts";
import { check, clock, type Finding } from "./finding.ts";
import { ofReports, unseenReports } from "./reports.ts";

const lagMaxMs = 1_000;
const skewMaxMs = 1_000;

export async function ofBaton(baton: Client): Promise<Finding[]> {
  const sentMs = Date.now();
  const health = await baton.call("getHealth").catch((error: Error) => error);
  if (health instanceof Error) {
    const mend = "Start it (baton dev, baton serve), or say where it is: --url, BATON_URL or --profile";
    return [{ what: "Baton", state: "wrong", says: health.message, mend }];
  }
  const { database, nats } = health.body ?? {};
  if (database === undefined || nats === undefined) {
    const mend = "Say where Baton is: --url, BATON_URL or --profile";
    return [{ what: "Baton", state: "wrong", says: `something else answers at ${baton.url}`, mend }];
  }
  const up = (what: string, state: string, name: string): Finding =>
    state === "up"
      ? { what, state: "ok", says: "up" }
      : { what, state: "wrong", says: state, mend: `Baton cannot reach it: look at ${name} of Baton, and at its log` };
  return [
    { what: "Baton", state: "ok", says: `answers at ${baton.url}` },
    up("Postgres", database, "DATABASE_URL"),
    up("NATS", nats, "NATS_URL"),
    ...ofDate(health.headers.get("date"), sentMs),
    ...(database === "up" ? await ofWork(baton) : []),
  ];
}

function ofDate(date: string | null, sentMs: number): Finding[] {
  if (date === null) return [];
  // A second of it is the precision of the header.
  const skewMs = Date.parse(date) + 500 - (sentMs + Date.now()) / 2;
  return [clock("clock of Baton", skewMs, "Set both by NTP: services refuse signatures that are 300 s old")];
}

async function ofWork(baton: Client): Promise<Finding[]> {
  try {
    const [who, overview, workers, metrics] = await Promise.all([
      baton.whoami(),
      baton.overview(),
      everyWorker(baton),
      baton.call("getMetrics").catch((error: Error) => error),
    ]);
    const apis = workers.filter(({ roles }) => roles.includes("api")).length;
    const { exhausted, dead_letters: dead, receivers_unhealthy: unhealthy } = overview;
    const some = (what: string, well: string, count: number, says: string, mend: string) =>
      check(what, well, count > 0 ? { says, mend } : undefined);
    return [
      check("token", `${who.actor}, may ${who.role}`),
      ...ofProcesses(workers),
      some(
        "receivers",
        "all in reach",
        unhealthy,
        `${unhealthy} cannot be reached`,
        "baton list receivers says which, and why",
      ),
      some(
        "deliveries",
        "all arrive",
        exhausted,
        `${exhausted} never arrived`,
        "baton list deliveries --status exhausted says why; then baton bulk replay --status exhausted",
      ),
      some(
        "dead letters",
        "none",
        dead,
        `${dead} messages could not be read`,
        "baton list dead-letters says which, and why",
      ),
      ...(metrics instanceof Error ? [unseenReports] : ofReports(metrics.body, timeOf(metrics.headers), apis)),
    ];
  } catch (error) {
    if (!(error instanceof BatonRefused)) throw error;
    const mend = error.status === 401 ? "Give one: --token, BATON_TOKEN or --profile" : "See the log of Baton";
    return [{ what: "token", state: "wrong", says: error.message, mend }];
  }
}

/** By the clock of Baton, where no proxy takes it away. */
function timeOf(headers: Headers): number {
  const date = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(date) ? Date.now() : date;
}

async function everyWorker(baton: Client): Promise<WorkerProcess[]> {
  const found: WorkerProcess[] = [];
  for await (const one of baton.every("listWorkers")) found.push(one);
  return found;
}

/** Of the processes that are alive: that some of them work, in one version, without delay, on clocks that agree. */
export function ofProcesses(processes: readonly WorkerProcess[]): Finding[] {
  const workers = processes.filter(({ roles }) => roles.includes("worker"));
  const versions = [...new Set(processes.map(({ version }) => version))];
  const lagMs = Math.max(0, ...processes.map(({ lag_ms: ms }) => ms));
  const skewMs = Math.max(0, ...processes.map(({ skew_ms: ms }) => Math.abs(ms)));
  const none = { isWrong: true, says: "none", mend: "Nothing starts: run a process with ROLES=worker" };
  return [
    check("workers", `${workers.length} alive`, workers.length > 0 ? undefined : none),
    ...(processes.length === 0
      ? []
      : [
          check(
            "versions",
            versions.join(", "),
            versions.length > 1
              ? { says: versions.join(", "), mend: "Processes of several versions are alive: finish the upgrade" }
              : undefined,
          ),
          check(
            "event loops",
            "on time",
            lagMs > lagMaxMs
              ? {
                  says: `one was held up for ${lagMs} ms`,
                  mend: "Give the process more CPU: baton list workers says which",
                }
              : undefined,
          ),
          check(
            "clock of NATS",
            "as that of Postgres",
            skewMs > skewMaxMs
              ? {
                  says: `${skewMs} ms apart from that of Postgres`,
                  mend: "Set both machines by NTP; Baton allows for it meanwhile",
                }
              : undefined,
          ),
        ]),
  ];
}
