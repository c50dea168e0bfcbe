// `baton doctor`: looks at what most often keeps tasks from running, and says how to mend each. Exit code 0: all is well.

import { ConfigError, loadConfig } from "#config";
import { BatonRefused, type Client } from "../../sdk/client.ts";
import { contextOf, exits, type Settings } from "../context.ts";
import { columns } from "../screen/columns.ts";

interface Finding {
  readonly what: string;
  readonly state: "ok" | "warning" | "wrong";
  readonly says: string;
  /** How to mend it. */
  readonly mend?: string;
}

const skewMaxMs = 2_000;

export async function doctor(settings: Settings): Promise<number> {
  const context = contextOf(settings);
  const findings = [...(await ofBaton(context.baton.with({ retries: 0, timeoutMs: 10_000 }))), ...ofEnvironment()];
  const wrong = findings.filter(({ state }) => state === "wrong");
  context.show(findings, () => {
    const { terminal } = context;
    const style = { ok: "green", warning: "yellow", wrong: "red" } as const;
    const rows = findings.map(({ what, state, says }) => [state, what, says]);
    return [
      ...columns(["", "WHAT", ""], rows, terminal, (text, row, column) =>
        column === 0 ? terminal.paint(style[findings[row]?.state ?? "ok"], text) : text,
      ),
      ...findings.flatMap(({ what, mend }) => (mend ? [`${what}: ${mend}`] : [])),
    ];
  });
  return wrong.length > 0 ? exits.failure : exits.success;
}

async function ofBaton(baton: Client): Promise<Finding[]> {
  const sentMs = Date.now();
  const health = await baton.call("getHealth").catch((error: Error) => error);
  if (health instanceof Error) {
    const mend = "Start it (baton dev, baton serve), or say where it is: --url or BATON_URL";
    return [{ what: "Baton", state: "wrong", says: health.message, mend }];
  }
  const { database, nats } = health.body;
  const up = (what: string, state: string, name: string): Finding =>
    state === "up"
      ? { what, state: "ok", says: "up" }
      : { what, state: "wrong", says: state, mend: `Baton cannot reach it: look at ${name} of Baton, and at its log` };
  return [
    { what: "Baton", state: "ok", says: `answers at ${baton.url}` },
    up("Postgres", database, "DATABASE_URL"),
    up("NATS", nats, "NATS_URL"),
    ...clock(health.headers.get("date"), sentMs),
    ...(database === "up" ? await ofWork(baton) : []),
  ];
}

function clock(date: string | null, sentMs: number): Finding[] {
  if (date === null) return [];
  // A second of it is the precision of the header.
  const skew = Date.parse(date) + 500 - (sentMs + Date.now()) / 2;
  if (Math.abs(skew) < skewMaxMs) return [{ what: "clock", state: "ok", says: "as Baton's" }];
  const says = `${Math.round(skew / 100) / 10} s apart from Baton's`;
  return [{ what: "clock", state: "warning", says, mend: "Set it by NTP: signatures are refused after 300 s" }];
}

async function ofWork(baton: Client): Promise<Finding[]> {
  try {
    const [who, overview] = await Promise.all([baton.whoami(), baton.overview()]);
    const { workers, exhausted, dead_letters: dead, receivers_unhealthy: unhealthy } = overview;
    const findings: Finding[] = [{ what: "token", state: "ok", says: `${who.actor}, may ${who.role}` }];
    findings.push(
      workers > 0
        ? { what: "workers", state: "ok", says: `${workers} alive` }
        : { what: "workers", state: "wrong", says: "none", mend: "Nothing starts: run a process with ROLES=worker" },
    );
    const some = (what: string, count: number, says: string, mend: string) =>
      findings.push(count > 0 ? { what, state: "warning", says, mend } : { what, state: "ok", says: "none" });
    some("receivers", unhealthy, `${unhealthy} cannot be reached`, "GET /receivers says which, and why");
    some(
      "deliveries",
      exhausted,
      `${exhausted} never arrived`,
      "Once their receivers are back: baton replay --since …",
    );
    some("dead letters", dead, `${dead} messages could not be read`, "GET /dead-letters says which, and why");
    return findings;
  } catch (error) {
    if (!(error instanceof BatonRefused)) throw error;
    const mend = error.status === 401 ? "Give one: --token or BATON_TOKEN" : "See the log of Baton";
    return [{ what: "token", state: "wrong", says: error.message, mend }];
  }
}

/** Where the settings of a server stand in the environment, as on the machine that runs it. */
function ofEnvironment(): Finding[] {
  const { DATABASE_URL: database, NATS_URL: nats, HOST_URL: host } = process.env;
  if (!database && !nats && !host) return [];
  try {
    loadConfig(process.env);
    return [{ what: "settings", state: "ok", says: "of this environment are right" }];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map((says) => ({ what: "settings", state: "wrong", says, mend: "docs/configuration.md" }));
  }
}
