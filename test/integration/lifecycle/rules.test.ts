// Rules, end to end: what they let start and when, who is counted, and that nothing that was blocked is forgotten.
import { beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { stays, until } from "#test/until";

let cluster: Cluster;
let service: Receiver;
beforeAll(async () => {
  service = await startReceiver();
  cluster = await startCluster({ workers: 2 });
}, 60_000);

let n = 0;
interface Wish {
  readonly rules?: readonly unknown[];
  readonly [field: string]: unknown;
}
/** A kind of its own for each test. */
const newKind = () => `k${++n}`;
const slots = (kind: string, max: number, ...fields: string[]) => ({
  type: "Concurrency",
  max_concurrency: max,
  matcher: { kind, status: "Running", fields },
});
const capacity = (kind: string, max: number) => ({
  type: "Capacity",
  max_capacity: max,
  matcher: { kind, status: "Running", fields: [] },
});
const task = (id: string, kind: string, more: Wish = {}) => ({
  id,
  name: id,
  kind,
  on_start: service.action("/work"),
  ...more,
});
async function post(tasks: readonly object[]): Promise<string[]> {
  const { status, body } = await cluster.call("POST", "/task", tasks);
  expect([status, status === 201 ? null : body]).toEqual([201, null]);
  return body.map((one: { id: string }) => one.id);
}
const statuses = (ids: readonly string[]) => Promise.all(ids.map((id) => cluster.status(id)));
const running = async (ids: readonly string[]) => (await statuses(ids)).filter((status) => status === "Running").length;
const succeed = (id: string) => cluster.call("PATCH", `/task/${id}`, { status: "Success" });
const blockers = async (id: string) => (await cluster.call("GET", `/task/${id}`)).body.blocked_by;

describe("a Concurrency rule", () => {
  it("lets so many run at once, and the next when one ends, until all have run", async () => {
    const kind = newKind();
    const ids = await post(Array.from({ length: 7 }, (_, i) => task(`t${i}`, kind, { rules: [slots(kind, 2)] })));
    await until(async () => (await running(ids)) === 2);
    await stays(async () => (await running(ids)) <= 2, 300);
    for (let left = 7; left > 0; left--) {
      const [first] = await until(async () => {
        const now = ids.filter((_, i) => i >= 0);
        const found: string[] = [];
        for (const id of now) if ((await cluster.status(id)) === "Running") found.push(id);
        return found.length === Math.min(left, 2) && found;
      });
      expect((await succeed(first as string)).status).toBe(200);
    }
    expect(new Set(await statuses(ids))).toEqual(new Set(["Success"]));
  });

  it("counts tasks without a rule, also those that ran before there was one", async () => {
    const kind = newKind();
    const [free] = await post([task("free", kind)]);
    await until(async () => (await cluster.status(free as string)) === "Running");
    const [held] = await post([task("held", kind, { rules: [slots(kind, 1)] })]);
    await stays(async () => (await cluster.status(held as string)) === "Pending", 300);
    await succeed(free as string);
    await until(async () => (await cluster.status(held as string)) === "Running");
    const [other] = await post([task("other", kind)]);
    await until(async () => (await cluster.status(other as string)) === "Running");
  });

  it("compares the values of its fields, null among them, and blocks a task that lacks one", async () => {
    const kind = newKind();
    const rules = [slots(kind, 1, "tenant", "size")];
    const of = (id: string, metadata: object) => task(id, kind, { rules, metadata });
    const ids = await post([
      of("a", { tenant: "x", size: 1 }),
      of("same", { size: 1, tenant: "x", more: true }),
      of("other", { tenant: "y", size: 1 }),
      of("null", { tenant: null, size: 1 }),
      of("text", { tenant: "x", size: "1" }),
      of("lacks", { tenant: "x" }),
      task("none", kind, { rules }),
    ]);
    await until(async () => (await running(ids)) === 4);
    const now = ["Running", "Pending", "Running", "Running", "Running", "Pending", "Pending"];
    await stays(async () => JSON.stringify(await statuses(ids)) === JSON.stringify(now), 300);
  });

  it("takes ArcRun's spelling, several rules at once, and blocks no task behind", async () => {
    const [kind, wide] = [newKind(), newKind()];
    const { max_concurrency: max_concurency, ...rest } = slots(kind, 1);
    const both = [{ ...rest, type: "Concurency", max_concurency }, slots(wide, 5)];
    const ids = await post([
      task("a", kind, { rules: both }),
      ...Array.from({ length: 20 }, (_, i) => task(`b${i}`, kind, { rules: both, priority: 9 })),
      task("free", newKind()),
    ]);
    await until(async () => (await cluster.status(ids.at(-1) as string)) === "Running");
    await until(async () => (await running(ids)) === 2);
  });

  it("gives a free place to the highest priority", async () => {
    const kind = newKind();
    const rules = [slots(kind, 1)];
    const [first] = await post([task("first", kind, { rules })]);
    await until(async () => (await cluster.status(first as string)) === "Running");
    const ids = await post([5, 1, 9, 7].map((priority) => task(`p${priority}`, kind, { rules, priority })));
    const order: number[] = [];
    let last = first as string;
    for (let i = 0; i < 4; i++) {
      await succeed(last);
      last = await until(async () => {
        for (const id of ids) if ((await cluster.status(id)) === "Running") return id;
        return undefined;
      });
      order.push(ids.indexOf(last));
    }
    expect(order).toEqual([2, 3, 0, 1]);
  });
});

describe("a Capacity rule", () => {
  it("starts while the work under way is below it, and again as soon as it is", async () => {
    const kind = newKind();
    const rules = [capacity(kind, 100)];
    const ids = await post([80, 80, 10].map((expected_count, i) => task(`c${i}`, kind, { rules, expected_count })));
    await until(async () => (await running(ids)) === 2);
    await stays(async () => (await running(ids)) === 2, 300);
    expect(await cluster.status(ids[2] as string)).toBe("Pending");
    expect((await cluster.call("PUT", `/task/${ids[0]}`, { new_success: 60 })).status).toBe(202);
    await stays(async () => (await cluster.status(ids[2] as string)) === "Pending", 300);
    expect((await cluster.call("PUT", `/task/${ids[0]}`, { new_failures: 1 })).status).toBe(202);
    await until(async () => (await cluster.status(ids[2] as string)) === "Running");
  });
});

describe("a change", () => {
  it("of the rules of a batch takes effect at once, upwards and downwards", async () => {
    const kind = newKind();
    const ids = await post(Array.from({ length: 6 }, (_, i) => task(`t${i}`, kind, { rules: [slots(kind, 1)] })));
    const batch = (await cluster.call("GET", `/task/${ids[0]}`)).body.batch_id;
    await until(async () => (await running(ids)) === 1);
    const set = (rules: readonly unknown[], of = kind) =>
      cluster.call("PATCH", `/batch/${batch}/rules`, { kind: of, rules });
    expect((await set([slots(kind, 3)])).body).toEqual({ batch_id: batch, kind, updated_count: 6 });
    await until(async () => (await running(ids)) === 3);
    expect((await set([slots(kind, 2)])).body.updated_count).toBe(6);
    const first = ids[(await statuses(ids)).indexOf("Running")] as string;
    await succeed(first);
    await stays(async () => (await running(ids)) === 2, 300);
    expect((await set([], "another")).body.updated_count).toBe(0);
    expect((await set([])).body.updated_count).toBe(5);
    await until(async () => (await running(ids)) === 5);
    expect((await cluster.call("GET", `/task/${first}`)).body.rules).toEqual([slots(kind, 2)]);
  });

  it("of the metadata moves a task to another place, running or waiting", async () => {
    const kind = newKind();
    const rules = [slots(kind, 1, "tenant")];
    const of = (id: string, tenant: string) => task(id, kind, { rules, metadata: { tenant } });
    const [a, b, c, lacking] = await post([of("a", "x"), of("b", "x"), of("c", "x"), task("d", kind, { rules })]);
    await until(async () => (await cluster.status(a as string)) === "Running");
    const patch = (id: string | undefined, metadata: object) => cluster.call("PATCH", `/task/${id}`, { metadata });
    expect((await patch(b, { tenant: "y" })).status).toBe(200);
    await until(async () => (await cluster.status(b as string)) === "Running");
    expect((await patch(a, { tenant: "z" })).status).toBe(200);
    await until(async () => (await cluster.status(c as string)) === "Running");
    expect((await patch(lacking, { tenant: "w" })).status).toBe(200);
    await until(async () => (await cluster.status(lacking as string)) === "Running");
  });

  it("is refused with every fault of it", async () => {
    const { status, body } = await cluster.call("PATCH", "/batch/0197b0a0-0000-7000-8000-000000000000/rules", {
      rules: [{ type: "Concurrency", max_concurrency: 0, matcher: { kind: "k", status: "Running", fields: [] } }],
    });
    expect(status).toBe(400);
    expect(body.details.map((line: string) => line.split(":")[0])).toEqual(["kind", "rules[0].max_concurrency"]);
    const unknown = await cluster.call("PATCH", "/batch/0197b0a0-0000-7000-8000-000000000000/rules", {
      kind: "k",
      rules: [],
    });
    expect(unknown.status).toBe(404);
  });
});

describe("why a task waits", () => {
  it("is listed with the tasks that use its limit, and what it lacks", async () => {
    const kind = newKind();
    const rule = slots(kind, 1, "tenant");
    const of = (id: string, metadata: object) => task(id, kind, { rules: [rule], metadata });
    const [a, b, c] = await post([of("a", { tenant: 1 }), of("b", { tenant: 1 }), of("c", {})]);
    await until(async () => (await cluster.status(a as string)) === "Running");
    expect(await blockers(a as string)).toEqual([]);
    expect(await blockers(b as string)).toEqual([{ type: "rule", rule, used: 1, limit: 1, holders: [a] }]);
    expect(await blockers(c as string)).toEqual([
      { type: "rule", rule, used: 0, limit: 1, holders: [], missing: ["tenant"] },
    ]);
  });
});
