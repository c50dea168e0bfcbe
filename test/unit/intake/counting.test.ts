// Accepting updates of counters: what is known is refused, what is not known is accepted, and a key stands for one update
// from the moment it was first sent.
import { describe, expect, it } from "vitest";
import type { Progress } from "#domain/command";
import { Unavailable } from "#domain/errors";
import { Counting } from "#intake/counting";
import { until } from "#test/until";

const task = "0190aaaa-0000-7000-8000-000000000001";
const one = { success: 1, failures: 0 };

function rig() {
  const state = {
    up: true,
    /** What is special about the task; nothing: it takes every update. */
    special: [] as object[],
    counted: [] as object[],
    looks: 0,
    hang: null as Promise<void> | null,
    fail: null as Error | null,
    store: async (): Promise<void> => {},
    applied: async (): Promise<boolean> => true,
  };
  const stored: Progress[] = [];
  const sql = async (parts: TemplateStringsArray) =>
    parts.join("").includes("join task") ? state.special : state.counted;
  const db = {
    use: async (work: (sql: unknown) => Promise<unknown>) => {
      state.looks++;
      await state.hang;
      if (state.fail) throw state.fail;
      return work(sql);
    },
    get up() {
      return state.up;
    },
  };
  const commands = {
    progress: async (update: Progress) => {
      stored.push(update);
      await state.store();
    },
    counted: () => state.applied(),
  };
  const counting = new Counting({ db, commands } as never);
  const accept = (counts = one, key?: string, attempt?: number) => counting.accept(task, counts, key, attempt);
  const status = async (counts = one, key?: string, attempt?: number) => (await accept(counts, key, attempt)).status;
  const attempt = (named: number | undefined) => counting.accept(task, one, undefined, named);
  return { state, stored, accept, status, attempt };
}

describe("a look", () => {
  it("is shared by what comes together, and by what comes while one is under way", async () => {
    const { state, status } = rig();
    const gate = Promise.withResolvers<void>();
    state.hang = gate.promise;
    const first = Array.from({ length: 20 }, () => status());
    await until(() => state.looks === 1);
    const more = Array.from({ length: 30 }, () => status());
    gate.resolve();
    expect(new Set(await Promise.all([...first, ...more]))).toEqual(new Set([202]));
    expect(state.looks).toBe(2);
  });

  it("refuses what is known not to count, with every fault of the sums", async () => {
    const { state, stored, status, accept } = rig();
    state.special = [{ sent: task, id: null }];
    expect(await status()).toBe(404);
    state.special = [{ sent: task, id: task, status: "Failure", success: 0, failures: 0 }];
    expect(await accept()).toMatchObject({ status: 409, body: { current_status: "Failure", allowed: [] } });
    const full = Number.MAX_SAFE_INTEGER;
    state.special = [{ sent: task, id: task, status: "Running", success: full - 1, failures: full }];
    expect(await accept({ success: 2, failures: 1 })).toMatchObject({
      status: 400,
      body: { details: [expect.stringMatching(/^new_success: .*2\^53-1/), expect.stringMatching(/^new_failures: /)] },
    });
    expect(stored).toEqual([]);
    expect(await status({ success: 1, failures: 0 })).toBe(202);
  });

  it("refuses what names another attempt than the present one, and sends each for one attempt", async () => {
    const { state, stored, attempt } = rig();
    // Nothing is special about a task in its first attempt.
    expect(await attempt(undefined)).toMatchObject({ status: 202 });
    expect(await attempt(0)).toMatchObject({ status: 202 });
    const special = { sent: task, id: task, status: "Running", inDoubt: false, attempt: 2, success: 0, failures: 0 };
    state.special = [special];
    const allowed = ["succeed", "fail", "skip", "cancel", "update"];
    expect(await attempt(1)).toMatchObject({
      status: 409,
      body: { code: "wrong_attempt", current_status: "Running", allowed },
    });
    expect(await attempt(2)).toMatchObject({ status: 202 });
    expect(await attempt(undefined)).toMatchObject({ status: 202 });
    state.up = false;
    expect(await attempt(undefined)).toMatchObject({ status: 202 });
    expect(await attempt(7)).toMatchObject({ status: 202 });
    expect(stored.map((update) => update.attempt)).toEqual([0, 0, 2, 2, undefined, 7]);
  });

  it("is not waited for while Postgres is away; a refusal for other reasons is still given", async () => {
    const { state, stored, status, accept } = rig();
    state.up = false;
    expect(await status()).toBe(202);
    expect(state.looks).toBe(0);
    state.up = true;
    state.fail = new Unavailable("just went away");
    expect(await status()).toBe(202);
    expect(stored.map(({ unseen }) => unseen)).toEqual([true, true]);
    state.fail = Object.assign(new Error("too slow"), { code: "57014" });
    await expect(accept()).rejects.toThrow("too slow");
    state.fail = null;
    expect(await status()).toBe(202);
    expect(stored.at(-1)?.unseen).toBe(false);
  });

  it("says of an update that comes again too that its task was not looked at", async () => {
    const { state, stored, status } = rig();
    state.up = false;
    expect(await status(one, "k")).toBe(202);
    state.up = true;
    expect(await status(one, "k")).toBe(202);
    expect(stored.map(({ unseen }) => unseen)).toEqual([true, true]);
  });
});

describe("a key", () => {
  it("gets the first answer although the task has ended since, and is stored again in case the first was lost", async () => {
    const { state, stored, status } = rig();
    expect(await status(one, "k")).toBe(202);
    state.special = [{ sent: task, id: task, status: "Success", success: 0, failures: 0 }];
    expect(await status(one, "k")).toBe(202);
    expect(stored.map(({ id }) => id)).toEqual([`${task}:k`, `${task}:k`]);
    expect(await status(one, "other")).toBe(409);
  });

  it("gets it also from a process that has not seen the first call, once it is counted", async () => {
    const { state, stored, status } = rig();
    state.special = [{ sent: task, id: task, status: "Success", success: 1, failures: 0 }];
    state.counted = [{ id: `${task}:k`, counts: "1/0" }];
    expect(await status(one, "k")).toBe(202);
    expect(await status({ success: 2, failures: 0 }, "k")).toBe(422);
    state.counted = [{ id: `${task}:old`, counts: null }];
    expect(await status(one, "old")).toBe(202);
    expect(stored).toEqual([]);
  });

  it("gets it as well while the first one is on its way: no answer says that the task has ended before that is counted", async () => {
    const { state, status } = rig();
    state.special = [{ sent: task, id: task, status: "Success", success: 0, failures: 0 }];
    state.applied = async () => {
      state.counted = [{ id: `${task}:k`, counts: "1/0" }];
      return true;
    };
    expect(await status(one, "k")).toBe(202);
    state.counted = [];
    state.applied = async () => true;
    expect(await status(one, "never sent")).toBe(409);
    state.applied = async () => false;
    await expect(status(one, "who knows")).rejects.toThrow(Unavailable);
    expect(await status(one)).toBe(409);
  });

  it("asks again together with the others that find the task ended", async () => {
    const { state, status } = rig();
    state.special = [{ sent: task, id: task, status: "Success", success: 0, failures: 0 }];
    const all = Array.from({ length: 50 }, (_, n) => status(one, `k${n}`));
    expect(new Set(await Promise.all(all))).toEqual(new Set([409]));
    expect(state.looks).toBe(2);
  });

  it("is refused with another update: counted, not yet counted, and on its way", async () => {
    const { state, stored, status } = rig();
    const storing = Promise.withResolvers<void>();
    state.store = () => storing.promise;
    const first = status(one, "k");
    await until(() => stored.length === 1);
    expect(await status({ success: 2, failures: 0 }, "k")).toBe(422);
    state.store = async () => {};
    storing.resolve();
    expect(await first).toBe(202);
    expect(await status({ success: 2, failures: 0 }, "k")).toBe(422);
    expect(stored).toHaveLength(1);
  });

  it("is refused with another attempt, also where that is the present one: before and after it is counted", async () => {
    const { state, stored, status } = rig();
    expect(await status(one, "k", 0)).toBe(202);
    expect(await status(one, "k", 0)).toBe(202);
    expect(await status(one, "plain")).toBe(202);
    const known = stored.length;
    state.special = [{ sent: task, id: task, status: "Running", attempt: 1, success: 0, failures: 0 }];
    for (const [key, attempt] of [["k", 1], ["k"], ["plain", 1]] as const)
      expect(await status(one, key, attempt), `${key} ${attempt}`).toBe(422);
    state.counted = [
      { id: `${task}:elsewhere`, counts: "1/0@0" },
      { id: `${task}:plainly`, counts: "1/0" },
    ];
    for (const [key, attempt] of [["elsewhere", 1], ["elsewhere"], ["plainly", 1]] as const)
      expect(await status(one, key, attempt), `${key} ${attempt}`).toBe(422);
    expect(stored).toHaveLength(known);
    expect(await status(one, "elsewhere", 0)).toBe(202);
    // It named none: then it is the same request, whatever attempt has begun since.
    for (const key of ["plain", "plainly"]) expect(await status(one, key)).toBe(202);
  });

  it("may be sent again after a 503, and is then stored under the same id; without one, under that of its message", async () => {
    const { state, stored, status } = rig();
    state.store = () => Promise.reject(new Unavailable("NATS did not store the update"));
    for (const key of ["k", undefined]) await expect(status(one, key)).rejects.toThrow(Unavailable);
    state.store = async () => {};
    for (const key of ["k", undefined]) expect(await status(one, key)).toBe(202);
    const id = `${task}:k`;
    expect(stored.map((update) => update.id)).toEqual([id, undefined, id, undefined]);
  });

  it("that was refused stands for nothing", async () => {
    const { state, status } = rig();
    const full = Number.MAX_SAFE_INTEGER;
    state.special = [{ sent: task, id: task, status: "Running", success: full, failures: 0 }];
    expect(await status(one, "k")).toBe(400);
    expect(await status({ success: 0, failures: 1 }, "k")).toBe(202);
  });
});
