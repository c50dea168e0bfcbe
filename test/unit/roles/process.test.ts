// The life of a process, with every part of it recorded: what opens in which order, that closing is the reverse and waits for each
// step, and that a process which does not open whole closes what it had opened. The parts themselves are faked.
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { beforeEach, expect, it, vi } from "vitest";
import { type Config, loadConfig } from "#config";
import { processOf } from "#roles/process";
import { Http, held, Log, Nats, Outgoing, Postgres, Settings } from "#roles/scope";
import { makeLogger } from "#telemetry/log";
import { until, within } from "#test/until";

const life = vi.hoisted(() => {
  const said: string[] = [];
  /** What does not open, and what does not close before it is let go. */
  const faults = { opening: "", closing: "" };
  let release = () => {};
  return {
    said,
    faults,
    release: () => release(),
    open(what: string) {
      if (what === faults.opening) throw new Error(`${what} does not open`);
      said.push(`open ${what}`);
    },
    /** Takes its time, so what does not wait for it is seen. */
    async close(what: string): Promise<void> {
      said.push(`close ${what}`);
      await new Promise<void>((resolve) => {
        if (what === faults.closing) release = resolve;
        else setImmediate(resolve);
      });
      said.push(`closed ${what}`);
    },
    /** A class whose instances are this part. */
    part: (what: string, members: object = {}) =>
      class {
        constructor() {
          life.open(what);
          Object.assign(this, members);
        }
        stop() {
          return life.close(what);
        }
      },
  };
});

vi.mock("#http/server", () => {
  const make = async () => {
    life.open("http");
    const listen = async () => {
      life.open("port");
      return "http://127.0.0.1:1";
    };
    return { listen, close: () => life.close("http") };
  };
  return { makeServer: make, makeStatusServer: make };
});
vi.mock("#bus/commands/create", () => ({
  answerBatches: () => {
    life.open("answers");
    return () => life.close("answers");
  },
}));
vi.mock("#intake/large/calls", () => ({
  LargeCalls: class {
    constructor() {
      life.open("large");
    }
    close() {
      return life.close("large");
    }
  },
}));
vi.mock("#roles/calls", () => ({
  openCalls: () => {
    life.open("calls");
    return {
      callSlots: { onFree() {}, free: () => 1 },
      drain: () => life.close("calls-under-way"),
      settled: () => life.close("outcomes"),
      close: () => life.close("calls"),
    };
  },
}));
vi.mock("#roles/intake", () => ({
  openIntake: () => {
    life.open("intake");
    return {
      stop: () => life.close("taking"),
      idle: () => life.close("counters-under-way"),
      close: () => life.close("intake"),
    };
  },
}));
vi.mock("#actor/worker", () => ({
  Worker: class {
    start() {
      life.open("turns");
    }
    stopClaiming() {
      return life.close("claiming");
    }
    stop() {
      return life.close("turns");
    }
  },
}));
vi.mock("#actor/portions/work-loop", () => ({
  WorkLoop: class {
    start() {
      life.open("portions");
    }
    stop() {
      return life.close("portions");
    }
  },
}));
vi.mock("#timers/leases", () => ({
  Leases: class extends life.part("leases") {
    readonly good = () => true;
    resign() {
      return life.close("row-of-the-process");
    }
  },
}));
vi.mock("#timers/relay", () => ({ EventRelay: life.part("relay") }));
vi.mock("#timers/skew", () => ({ ClockSkew: life.part("skew") }));
vi.mock("#timers/presence", () => ({ presence: () => new (life.part("presence"))() }));
vi.mock("#flow/claim-trigger", () => ({
  ClaimTrigger: class {
    stop() {
      return life.close("claim-trigger");
    }
  },
}));
vi.mock("#roles/timers", () => ({ openTimers: () => new (life.part("timers"))() }));
vi.mock("#roles/schedules", () => ({ openSchedules: () => new (life.part("schedules"))() }));
vi.mock("#roles/bulk", () => ({ openBulk: () => new (life.part("bulk"))() }));
vi.mock("#bus/events", () => ({ openEventStream: () => ({}), nextEvent: () => ({}) }));
vi.mock("#bus/notifications/claims", () => ({
  listenForClaims: () => new (life.part("notifications"))(),
  ClaimNotifier: class {},
}));

const env = {
  DATABASE_URL: "postgres://127.0.0.1/none",
  NATS_URL: "nats://127.0.0.1:1",
  HOST_URL: "http://127.0.0.1:1",
  LOG_LEVEL: "silent",
};
const config = (roles: string, shutdownSecs: number): Config =>
  loadConfig({ ...env, ROLES: roles, SHUTDOWN_TIMEOUT_SECS: String(shutdownSecs) });

const adapter = <Id, Shape>(what: string, make: Parameters<typeof Layer.effect<Id, Shape>>[0]) =>
  Layer.effect(
    make,
    held(
      () => {
        life.open(what);
        return {} as Shape;
      },
      () => life.close(what),
    ),
  );
const adapters = {
  postgres: adapter("postgres", Postgres),
  nats: adapter("nats", Nats),
  outgoing: adapter("outgoing", Outgoing),
};

/** Opens a process, and closes it. */
const live = (roles: string, shutdownSecs = 3_600): Promise<void> => {
  const settings = config(roles, shutdownSecs);
  return Effect.map(Http, () => void life.said.push("serving")).pipe(
    Effect.provide(processOf(settings, adapters)),
    Effect.provideService(Settings, settings),
    Effect.provideService(Log, makeLogger({ logLevel: "silent" }, "test")),
    Effect.runPromise,
  );
};

beforeEach(() => {
  life.said.length = 0;
  Object.assign(life.faults, { opening: "", closing: "" });
});

const opening = (
  "postgres nats large http port outgoing calls skew leases relay intake turns portions " +
  "large timers schedules bulk notifications"
).split(" ");

/** How a worker ends, step by step; what is joined ends at the same time. */
const closing = (
  "claiming notifications claim-trigger timers+schedules+taking calls-under-way+counters-under-way large portions turns " +
  "outcomes intake relay leases row-of-the-process skew calls outgoing http large nats postgres"
).split(" ");

it("opens a worker from the adapters up", async () => {
  await live("worker");
  expect(life.said.slice(0, opening.length + 1)).toEqual([...opening.map((what) => `open ${what}`), "serving"]);
});

it("opens the parts of a worker in one go: what opened first may call what opens last from then on", async () => {
  const { open } = life;
  vi.spyOn(life, "open").mockImplementation((what) => {
    if (what === "calls") queueMicrotask(() => life.said.push("something happened"));
    open(what);
  });
  await live("worker");
  vi.restoreAllMocks();
  expect(life.said.indexOf("something happened")).toBeGreaterThan(life.said.indexOf("open notifications"));
});

it("closes a worker step by step: takes nothing more, drains, decides what calls ended in, answers, leaves, closes the adapters", async () => {
  await live("worker");
  // Bulk operations have a test of their own.
  const left = life.said.slice(opening.length + 1).filter((line) => !line.endsWith(" bulk"));
  for (const step of closing.map((names) => names.split("+"))) {
    const lines = left.splice(0, step.length * 2);
    expect(new Set(lines.slice(0, step.length))).toEqual(new Set(step.map((what) => `close ${what}`)));
    expect(new Set(lines.slice(step.length))).toEqual(new Set(step.map((what) => `closed ${what}`)));
  }
  expect(left).toEqual([]);
});

it("ends bulk operations while calls are drained, and goes on only when both are done", async () => {
  life.faults.closing = "bulk";
  const living = live("worker");
  await until(() => life.said.includes("closed calls-under-way") && life.said.includes("closed counters-under-way"));
  expect(life.said.indexOf("close bulk")).toBeLessThan(life.said.indexOf("close calls-under-way"));
  await new Promise(setImmediate);
  expect(life.said).not.toContain("close portions");
  life.release();
  await within(() => living, 5_000);
  expect(life.said.indexOf("closed bulk")).toBeLessThan(life.said.indexOf("close portions"));
});

it("waits for a step no longer than SHUTDOWN_TIMEOUT_SECS allows, and goes on to the next", async () => {
  life.faults.closing = "timers";
  await within(() => live("worker", 1), 5_000);
  expect(life.said).not.toContain("closed timers");
  for (const what of ["turns", "intake", "row-of-the-process", "postgres"])
    expect(life.said).toContain(`close ${what}`);
});

it.each(opening.slice(1).filter((what) => what !== "large"))(
  "closes what it had opened when %s does not open",
  async (what) => {
    life.faults.opening = what;
    await expect(live("worker")).rejects.toThrow(`${what} does not open`);
    const named = (verb: string) =>
      life.said.filter((line) => line.startsWith(`${verb} `)).map((line) => line.slice(verb.length + 1));
    expect(named("open")).toEqual(opening.slice(0, opening.indexOf(what)));
    // The port closes with the server, and has no step of its own. What closes at the same time has no order.
    const opened = named("open").filter((name) => name !== "port");
    const sequence = (names: readonly string[]) =>
      names.filter((name) => opening.includes(name) && !["timers", "schedules", "bulk"].includes(name));
    expect(sequence(named("closed"))).toEqual(sequence(opened).reverse());
    expect(named("closed")).toEqual(expect.arrayContaining(opened));
    expect(life.said).not.toContain("serving");
  },
);

it("goes on closing when a part fails to close, and says so in the end", async () => {
  const { close } = life;
  vi.spyOn(life, "close").mockImplementation((what) =>
    what === "turns" ? Promise.reject(new Error("turns do not end")) : close(what),
  );
  await expect(live("worker")).rejects.toThrow("turns do not end");
  vi.restoreAllMocks();
  for (const what of ["outcomes", "intake", "row-of-the-process", "postgres"])
    expect(life.said).toContain(`closed ${what}`);
});

it("gives a process that is no worker the API and a row, and no calls", async () => {
  await live("api");
  const parts = ["postgres", "nats", "large", "http", "port", "answers", "presence"];
  const closed = parts
    .filter((what) => what !== "port")
    .reverse()
    .flatMap((what) => [`close ${what}`, `closed ${what}`]);
  expect(life.said).toEqual([...parts.map((what) => `open ${what}`), "serving", ...closed]);
});
