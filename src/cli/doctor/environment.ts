// Where the settings of a server stand in the environment, as on the machine that runs it: whether they are right, and whether what they
// name is there and fit for Baton.
import { lookAtNats, type NatsLook } from "#bus/look";
import { type Config, ConfigError, loadConfig } from "#config";
import { lookAtPostgres, type PostgresLook, withPostgres } from "#store/maintenance/look";
import { check, clock, type Finding, reasonOf } from "./finding.ts";
import { ofHost } from "./host.ts";

const names = ["DATABASE_URL", "NATS_URL", "HOST_URL"] as const;

export async function ofEnvironment(env: Readonly<Record<string, string | undefined>>): Promise<Finding[]> {
  if (names.every((name) => !env[name])) {
    const mend = "doctor looks at DATABASE_URL, NATS_URL and HOST_URL where they are set: run it where Baton runs";
    return [{ what: "settings", state: "unseen", says: "none in this environment", mend }];
  }
  try {
    const config = loadConfig(env);
    const found = await Promise.all([postgres(config), nats(config), ofHost(config.hostUrl)]);
    return [check("settings", "of this environment are right"), ...found.flat()];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map((says) => ({ what: "settings", state: "wrong", says, mend: "docs/configuration.md" }));
  }
}

async function postgres(config: Config): Promise<Finding[]> {
  try {
    const quick = { ...config, poolAcquireRetries: 0, poolTimeoutSecs: 10 };
    return ofPostgres(await withPostgres(quick, lookAtPostgres), Date.now());
  } catch (error) {
    const mend = "Start it, or mend DATABASE_URL; psql with the same URL says more";
    return [{ what: "DATABASE_URL", state: "wrong", says: reasonOf(error), mend }];
  }
}

/** The last of its connections are for people who want to look. */
const fullFrom = 0.9;

export function ofPostgres(look: PostgresLook, nowMs: number): Finding[] {
  const { version, isStandby, encoding, durability, connections, missing, at } = look;
  const lossy = Object.entries(durability).filter(([name, value]) =>
    name === "synchronous_commit" ? value === "off" : value !== "on",
  );
  const says = lossy.map(([name, value]) => `${name} is ${value}`).join(", ");
  const { used, max } = connections;
  return [
    check("DATABASE_URL", `Postgres ${version} answers`),
    check(
      "Postgres",
      "takes writes",
      isStandby ? { isWrong: true, says: "a standby", mend: "Name the primary in DATABASE_URL" } : undefined,
    ),
    check(
      "encoding",
      encoding,
      encoding === "UTF8" ? undefined : { isWrong: true, says: encoding, mend: "Make the database with encoding UTF8" },
    ),
    check(
      "durability",
      "commits survive a crash",
      lossy.length > 0
        ? {
            says,
            mend: `What was answered may be lost in a crash: set ${lossy.map(([name]) => `${name} = on`).join(", ")}`,
          }
        : undefined,
    ),
    check(
      "connections",
      `${used} of ${max} used`,
      used > max * fullFrom
        ? { says: `${used} of ${max} used`, mend: "Raise max_connections, or lower POOL_MAX_SIZE of each process" }
        : undefined,
    ),
    ofSchema(missing),
    clock(
      "clock of Postgres",
      at.getTime() - nowMs,
      "Set both machines by NTP: times of tasks are by that of Postgres",
    ),
  ];
}

function ofSchema(missing: PostgresLook["missing"]): Finding {
  if (missing === null) {
    const says = "of another program, or of a Baton before its first release";
    return check("schema", "", { isWrong: true, says, mend: "Give Baton a new database of its own" });
  }
  const mend = "baton migrate applies them, and so does the start of baton serve";
  return check(
    "schema",
    "up to date",
    missing.length > 0 ? { says: `not applied: ${missing.join(", ")}`, mend } : undefined,
  );
}

async function nats(config: Config): Promise<Finding[]> {
  try {
    return ofNats(await lookAtNats(config));
  } catch (error) {
    const mend = "Start it, or mend NATS_URL and the rights of its user (nats.conf has all of them)";
    return [{ what: "NATS_URL", state: "wrong", says: reasonOf(error), mend }];
  }
}

/** As NATS sets it: inputs and bodies of `Nats` actions, and batches that are created by NATS, go in one message. */
const payloadBytesMin = 1_048_576;

export function ofNats(look: NatsLook): Finding[] {
  const { version, isNewEnough, oldest, hasJetStream, payloadBytesMax, streams, clock: time } = look;
  const found: Finding[] = [
    check(
      "NATS_URL",
      `nats-server ${version} answers`,
      isNewEnough
        ? undefined
        : { isWrong: true, says: `nats-server ${version}`, mend: `Upgrade it to ${oldest} or newer` },
    ),
    check(
      "JetStream",
      "on",
      hasJetStream
        ? undefined
        : { isWrong: true, says: "off", mend: "Give nats-server a jetstream block (nats.conf has one)" },
    ),
    check(
      "max_payload",
      `${payloadBytesMax} bytes`,
      payloadBytesMax < payloadBytesMin
        ? {
            says: `${payloadBytesMax} bytes`,
            mend: `Large messages are refused: set max_payload to ${payloadBytesMin} or more`,
          }
        : undefined,
    ),
  ];
  if (hasJetStream) found.push(ofStreams(streams));
  if (time) found.push(clock("clock of nats-server", time.atMs - time.askedMs, "Set both machines by NTP"));
  return found;
}

function ofStreams(streams: NatsLook["streams"]): Finding {
  const says = streams.flatMap(({ name, isThere, changes, full }) => [
    ...(isThere ? [] : [`${name} is missing`]),
    ...changes.map((change) => `${name} ${change}`),
    ...(full > fullFrom ? [`${name} is ${Math.round(full * 100)} % full`] : []),
  ]);
  const mend = "Baton makes and changes them when it starts, where its user may; a full one empties when workers run";
  return check(
    "streams",
    `${streams.length} as they should be`,
    says.length > 0 ? { says: says.join("; "), mend } : undefined,
  );
}
