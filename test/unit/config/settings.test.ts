// Holds the configuration to its promises: every name with its default, all faults at once in one line each, nothing
// secret in any of them, and docs/configuration.md in step with the table.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ConfigError, camel, describeConfig, type EnvName, loadConfig, settings } from "#config";
import { generated } from "../../../scripts/docs.ts";
import type { Setting } from "../../../src/config/kinds.ts";

const base = {
  DATABASE_URL: "postgres://baton:pw@db:5432/baton",
  NATS_URL: "nats://n:4222",
  HOST_URL: "http://b:8085",
};
const load = (env: Record<string, string | undefined>) => loadConfig({ ...base, ...env });
const rows = Object.entries(settings) as [EnvName, Setting<unknown>][];

function faultsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}
const faults = (env: Record<string, string | undefined>) => faultsOf({ ...base, ...env });

// What operators rely on: a change here is a change of the contract.
const promised = `
  LISTEN_HOST=0.0.0.0 PORT=8085 ROLES=api,worker LOG_LEVEL=info SHUTDOWN_TIMEOUT_SECS=30 CORS_ORIGINS=
  POOL_MAX_SIZE=10 POOL_MIN_IDLE=5 POOL_ACQUIRE_RETRIES=3 POOL_TIMEOUT_SECS=30 SLOW_QUERY_THRESHOLD_MS=100
  PAGINATION_DEFAULT=50 PAGINATION_MAX=100 MAX_TASKS_PER_BATCH=1000 MAX_DEPS_PER_TASK=100 MAX_LINKS_PER_BATCH=100000 MAX_ACTIONS_PER_TASK=20
  PAYLOAD_MAX_BYTES=2097152 MAX_UNFINISHED_TASKS=0
  WORKER_LOOP_INTERVAL_MS=1000 WORKER_CLAIM_TIMEOUT_SECS=30 WORKER_START_BATCH_SIZE=256 WORKER_WEBHOOK_CONCURRENCY=256
  WEBHOOK_HOST_CONCURRENCY=64 START_RETRY_SECS=60 WEBHOOK_CONNECT_TIMEOUT_SECS=3 WEBHOOK_TIMEOUT_SECS=10 DEAD_END_CANCEL_ENABLED=1 NATS_REPLICAS=1 BATCH_CHANNEL_CAPACITY=100 BATCH_FLUSH_INTERVAL_MS=100
  WEBHOOK_MAX_ATTEMPTS=10 WEBHOOK_RETRY_BACKOFF_BASE_SECS=2 WEBHOOK_RETRY_BACKOFF_CAP_SECS=300
  WEBHOOK_DELIVERY_INTERVAL_MS=1000 WEBHOOK_DELIVERY_BATCH_SIZE=50 WEBHOOK_DELIVERY_CONCURRENCY=64
  WEBHOOK_DELIVERY_LEASE_SECS=15
  CIRCUIT_BREAKER_ENABLED=1 CIRCUIT_BREAKER_FAILURE_THRESHOLD=5 CIRCUIT_BREAKER_FAILURE_WINDOW_SECS=10
  CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECS=30 CIRCUIT_BREAKER_SUCCESS_THRESHOLD=2
  SKIP_SSRF_VALIDATION=0 BLOCKED_HOSTNAMES= BLOCKED_HOSTNAME_SUFFIXES= ALLOWED_HOSTNAMES= ALLOWED_CIDRS= AUTH_TOKEN=
  AUTH_TOKENS= HANDLE_SECRET= WEBHOOK_SIGNING_SECRET=
  TRACING_ENABLED=0 OTEL_EXPORTER_OTLP_ENDPOINT= OTEL_SERVICE_NAME=baton OTEL_SAMPLING_RATIO=1.0 RETENTION_ENABLED=0
  RETENTION_DAYS=30 RETENTION_CLEANUP_INTERVAL_SECS=3600 RETENTION_BATCH_SIZE=1000
  DATABASE_URL= NATS_URL= HOST_URL=`;

describe("the table", () => {
  it("has every promised name with its default, and no other", () => {
    const have = rows.map(([name, row]) => `${name}=${row.preset}`);
    expect(have.sort()).toEqual(promised.trim().split(/\s+/).sort());
  });

  it("has defaults that its own parsers accept", () => {
    for (const [name, row] of rows.filter(([, r]) => r.preset !== ""))
      expect(faults({ [name]: row.preset }), name).toEqual([]);
    expect(load({})).toMatchObject({ port: 8085, deadEndCancelEnabled: true, otelSamplingRatio: 1, corsOrigins: [] });
    expect([...load({}).roles]).toEqual(["api", "worker"]);
  });

  it("gives every name one camelCase key, and a reason", () => {
    expect(Object.keys(load({})).sort()).toEqual(rows.map(([name]) => camel(name)).sort());
    for (const [name, row] of rows) expect(row.why, name).toMatch(/^[A-Z].*\.$/);
  });

  it("takes the limits of every integer and nothing beyond or beside them", () => {
    for (const [name, row] of rows.filter(([, { allowed }]) => allowed.startsWith("an integer"))) {
      const [, min, max] = /from (\d+) to (\d+)$/.exec(row.allowed) ?? [];
      const raised = { POOL_MAX_SIZE: "1000", PAGINATION_MAX: "10000", WEBHOOK_RETRY_BACKOFF_CAP_SECS: "86400" };
      for (const end of [min, max])
        expect(load({ ...raised, [name]: end }), name).toMatchObject({ [camel(name)]: Number(end) });
      const wrong = [
        String(Number(min) - 1),
        String(Number(max) + 1),
        "1.5",
        "1e3",
        " 1",
        "1 ",
        "0x10",
        "+1",
        "01",
        "∞",
      ];
      for (const text of wrong) expect(faults({ [name]: text }), `${name}=${text}`).toHaveLength(1);
    }
  });

  it("takes 1, 3 or 5 replicas of streams and no other number of them", () => {
    for (const n of [1, 3, 5]) expect(load({ NATS_REPLICAS: `${n}` }).natsReplicas).toBe(n);
    for (const text of ["0", "2", "4", "7", "-1", "01", "3.0", " 3", "three"])
      expect(faults({ NATS_REPLICAS: text })).toEqual([`NATS_REPLICAS="${text}": must be one of 1, 3, 5`]);
  });

  it("is what docs/configuration.md shows", () => {
    const page = generated.find(({ path }) => path === "docs/configuration.md");
    expect(readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8")).toBe(page?.render());
  });
});

describe("reading", () => {
  it("takes an empty variable for one that is not set", () => {
    expect(load({ PORT: "", ROLES: "", AUTH_TOKEN: "", ALLOWED_CIDRS: "" })).toEqual(load({}));
    expect(faultsOf({ DATABASE_URL: "", NATS_URL: undefined })).toEqual([
      expect.stringMatching(/^DATABASE_URL is missing: /),
      expect.stringMatching(/^NATS_URL is missing: /),
      expect.stringMatching(/^HOST_URL is missing: /),
    ]);
  });

  it("drops the trailing slash of HOST_URL", () => {
    expect(load({ HOST_URL: "https://x.example/base/" }).hostUrl).toBe("https://x.example/base");
    for (const url of [
      "x.example",
      "ftp://x",
      "http://x?a=1",
      "http://x/#a",
      "http://u:p@x",
      "http://",
      "http://x y",
    ]) {
      expect(faults({ HOST_URL: url }), url).toHaveLength(1);
    }
  });

  it("checks the schemes of the two services", () => {
    expect(load({ DATABASE_URL: "postgresql://u:p%40@[::1]:5432/b?sslmode=require" }).databaseUrl).toContain("::1");
    expect(load({ NATS_URL: "nats://a:4222, tls://b:4222" }).natsUrl).toBe("nats://a:4222,tls://b:4222");
    for (const url of [
      "mysql://x/y",
      "localhost:5432",
      "postgres://",
      "postgres://h:99999/d",
      "postgres://u:%zz@h/d",
    ]) {
      expect(faults({ DATABASE_URL: url }), url).toHaveLength(1);
    }
    for (const url of ["a:4222", "http://a:4222", "nats://a:4222,", "nats://a:4222,b:4222"]) {
      expect(faults({ NATS_URL: url }), url).toHaveLength(1);
    }
  });

  it("reads switches, words, roles and the ratio exactly", () => {
    const { retentionEnabled, skipSsrfValidation } = load({ RETENTION_ENABLED: "true", SKIP_SSRF_VALIDATION: "false" });
    expect([retentionEnabled, skipSsrfValidation]).toEqual([true, false]);
    expect([...load({ ROLES: " worker " }).roles]).toEqual(["worker"]);
    expect(load({ OTEL_SAMPLING_RATIO: "0.25" }).otelSamplingRatio).toBe(0.25);
    for (const value of ["yes", "TRUE", "2", " 1"]) expect(faults({ RETENTION_ENABLED: value }), value).toHaveLength(1);
    for (const value of ["api,api", "api,", "admin", "api worker"])
      expect(faults({ ROLES: value }), value).toHaveLength(1);
    for (const value of ["1.1", "-0.1", "1e-3", ".5", "half"]) {
      expect(faults({ OTEL_SAMPLING_RATIO: value }), value).toHaveLength(1);
    }
    expect(faults({ LOG_LEVEL: "verbose" })).toHaveLength(1);
    expect(load({ LOG_LEVEL: "silent" }).logLevel).toBe("silent");
  });

  it("reads hosts as URLs spell them, suffixes with their dot, ranges of both families, origins", () => {
    const lists = load({
      BLOCKED_HOSTNAMES: "Example.COM., [::1] ,10.0.0.1",
      BLOCKED_HOSTNAME_SUFFIXES: ".corp, lan",
      ALLOWED_CIDRS: "127.0.0.0/8,FD00::/8,::1/128",
      CORS_ORIGINS: "https://a.example/,http://b:80,*",
    });
    expect(lists.blockedHostnames).toEqual(["example.com", "[::1]", "10.0.0.1"]);
    expect(lists.blockedHostnameSuffixes).toEqual([".corp", ".lan"]);
    expect(lists.allowedCidrs).toEqual(["127.0.0.0/8", "fd00::/8", "::1/128"]);
    expect(lists.corsOrigins).toEqual(["https://a.example", "http://b", "*"]);
    const wrong: [EnvName, string][] = [
      ...["10.0.0.0/33", "::/129", "10.0.0.0", "10.0.0/8", "x/8", "10.0.0.0/08", "fe80::%1/64"].map(cidr),
      ...["a,,b", "a b", "http://a", "a:80", "-a", "a/b", `${"a".repeat(64)}.x`].map(host),
      ["CORS_ORIGINS", "https://a.example/path"],
      ["CORS_ORIGINS", "a.example"],
      ["BLOCKED_HOSTNAME_SUFFIXES", "."],
    ];
    for (const [name, value] of wrong) expect(faults({ [name]: value }), `${name}=${value}`).toHaveLength(1);
  });

  it("reads tokens and signing secrets", () => {
    const hash = "Ab".repeat(32);
    const { authTokens, webhookSigningSecret } = load({
      AUTH_TOKENS: `ci:submit:${hash},ops:operate:${"c".repeat(64)}`,
      WEBHOOK_SIGNING_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, whsec_c2VjcmV0MQ==",
    });
    expect(authTokens[0]).toEqual({ name: "ci", role: "submit", sha256: hash.toLowerCase() });
    expect(webhookSigningSecret).toEqual(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2VjcmV0MQ=="]);
    const twice = `a:read:${hash},a:read:${"d".repeat(64)}`;
    for (const value of ["a:read:12", `a:admin:${hash}`, `:read:${hash}`, `a:read:${hash},`, twice]) {
      expect(faults({ AUTH_TOKENS: value }), value).toHaveLength(1);
    }
    for (const value of ["secret", "whsec_", "whsec_a", "whsec_a*==", "whsec_YQ==,"]) {
      expect(faults({ WEBHOOK_SIGNING_SECRET: value }), value).toHaveLength(1);
    }
    expect(faults({ AUTH_TOKEN: "two words" })).toHaveLength(1);
  });

  it("lets defaults give way to a maximum, but not what was asked for", () => {
    expect(load({ PAGINATION_MAX: "10" }).paginationDefault).toBe(10);
    expect(load({ POOL_MAX_SIZE: "1", POOL_MIN_IDLE: "8" }).poolMinIdle).toBe(1);
    expect(faults({ PAGINATION_DEFAULT: "101" })).toEqual([
      'PAGINATION_DEFAULT="101": must be at most PAGINATION_MAX, which is 100',
    ]);
    expect(faults({ WEBHOOK_RETRY_BACKOFF_BASE_SECS: "9", WEBHOOK_RETRY_BACKOFF_CAP_SECS: "8" })).toHaveLength(1);
    expect(faults({ PAGINATION_DEFAULT: "101", PAGINATION_MAX: "x" })).toHaveLength(1);
  });

  it("keeps the lease of deliveries longer than a call, unless it was asked for", () => {
    const leaseOf = (env: Record<string, string>) => load(env).webhookDeliveryLeaseSecs;
    expect([leaseOf({}), leaseOf({ WEBHOOK_TIMEOUT_SECS: "1" })]).toEqual([15, 15]);
    expect(leaseOf({ WEBHOOK_TIMEOUT_SECS: "60" })).toBe(65);
    expect(leaseOf({ WEBHOOK_TIMEOUT_SECS: "60", WEBHOOK_DELIVERY_LEASE_SECS: "20" })).toBe(20);
    expect(faults({ WEBHOOK_TIMEOUT_SECS: "x" })).toHaveLength(1);
  });
});

describe("faults", () => {
  it("come all at once, one line each, with name, value and what is allowed", () => {
    const found = faultsOf({
      DATABASE_URL: "mysql://u:hunter2@h/d",
      PORT: "80a",
      LOG_LEVEL: "in\nfo",
      ALLOWED_CIDRS: "x",
    });
    expect(found).toEqual([
      'DATABASE_URL="mysql://***@h/d": must be a URL that starts with postgres:// or postgresql://',
      "NATS_URL is missing: must be one or more comma-separated URLs that start with nats:// or tls://",
      expect.stringMatching(/^HOST_URL is missing/),
      'PORT="80a": must be an integer from 0 to 65535',
      'LOG_LEVEL="in\\nfo": must be one of trace, debug, info, warn, error, fatal, silent',
      expect.stringMatching(/^ALLOWED_CIDRS="x": .*\(entry 1 is wrong\)$/),
    ]);
    for (const fault of found) expect(fault).not.toMatch(/\n/);
  });

  it("name the first entry of a list that is wrong, or that repeats another", () => {
    const [a, b] = ["a".repeat(64), "b".repeat(64)];
    const { allowed } = settings.AUTH_TOKENS;
    const ranges = "must be comma-separated CIDR ranges such as 10.0.0.0/8 or fd00::/8";
    expect(faults({ ALLOWED_CIDRS: "10.0.0.0/8, x,::1/128,y" })).toEqual([
      `ALLOWED_CIDRS="10.0.0.0/8, x,::1/128,y": ${ranges} (entry 2 is wrong)`,
    ]);
    for (const [tokens, says] of [
      [`a:read:${a},b:admin:${b}`, "entry 2 is wrong"],
      [`a:read:${a},b:read:${b},a:read:${"c".repeat(64)}`, "entry 3 repeats a name"],
      [`a:read:${a},b:read:${a}`, "entry 2 repeats a token"],
    ] as const)
      expect(faults({ AUTH_TOKENS: tokens })).toEqual([`AUTH_TOKENS=(not shown): must be ${allowed} (${says})`]);
  });

  it("refuse a switch of what is not built yet, and take it when it is off", () => {
    for (const on of ["1", "true"])
      expect(faults({ TRACING_ENABLED: on })).toEqual([
        `TRACING_ENABLED="${on}": must be 0 or false (tracing is not built yet)`,
      ]);
    for (const off of ["0", "false", ""]) expect(load({ TRACING_ENABLED: off }).tracingEnabled).toBe(false);
  });

  it("name the address to listen on, which no server would find", () => {
    for (const host of ["127.0.0.1", "::", "localhost", "my-box.internal"])
      expect(load({ LISTEN_HOST: host }).listenHost).toBe(host);
    expect(load({ LISTEN_HOST: "[::1]" }).listenHost).toBe("::1");
    for (const host of ["a b", "127.0.0.1:80", "http://x", "1.2.3.4/8"])
      expect(faults({ LISTEN_HOST: host })).toEqual([
        `LISTEN_HOST=${JSON.stringify(host)}: must be an IP address or a name of this machine`,
      ]);
  });

  it("never show a token or secret, however wrong it is", () => {
    const secretNames = rows.filter(([, row]) => row.shown === "never").map(([name]) => name);
    expect(secretNames.sort()).toEqual(["AUTH_TOKEN", "AUTH_TOKENS", "HANDLE_SECRET", "WEBHOOK_SIGNING_SECRET"]);
    for (const name of secretNames) {
      const [fault] = faults({ [name]: "s3cr3t\u0000 value" });
      expect(fault, name).toMatch(new RegExp(`^${name}=\\(not shown\\): must be `));
      expect(fault, name).not.toContain("s3cr3t");
    }
  });
});

it("describes the values in effect without secrets", () => {
  const env = { AUTH_TOKEN: "tok-1", HANDLE_SECRET: "sec-1", NATS_URL: "nats://tok-2@n", PORT: "1" };
  const described = describeConfig(load({ ...env, WEBHOOK_SIGNING_SECRET: "whsec_c2VjcmV0MQ==" }));
  expect(described).toMatchObject({ PORT: 1, ROLES: ["api", "worker"], AUTH_TOKEN: "***", NATS_URL: "nats://***@n" });
  expect(described).toMatchObject({ DATABASE_URL: "postgres://baton:***@db:5432/baton", HOST_URL: "http://b:8085" });
  expect(JSON.stringify(described)).not.toMatch(/tok-|sec-|pw|c2Vj/);
});

function cidr(value: string): [EnvName, string] {
  return ["ALLOWED_CIDRS", value];
}

function host(value: string): [EnvName, string] {
  return ["ALLOWED_HOSTNAMES", value];
}
