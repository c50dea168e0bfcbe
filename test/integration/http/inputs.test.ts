// `inputs` of start actions at creation: what they may name, in a call, in a batch that grows and by a handle; how they come back.
import { describe, expect, it } from "vitest";
import { addFromMessage, createFromMessage } from "#intake/by-message";
import { add, api, become, byTask, create, needs, send, task } from "./grow.stage.ts";

const reading = (inputs: unknown, more: object = {}) => ({
  on_start: { kind: "Webhook", params: { url: "https://example.com/", verb: "Post", inputs, ...more } },
});
const reads = (...names: string[]) => reading(Object.fromEntries(names.map((name) => [`of ${name}`, { task: name }])));
const below = (...ids: string[]) => ({ dependencies: ids.map((id) => ({ id })) });
const faultsOf = ({ status, body }: { status: number; body?: unknown }) => [
  status,
  ((body as { faults?: { path: string; code: string }[] })?.faults ?? []).map(({ path, code }) => `${path} ${code}`),
];
const at = (n: number, name: string, form = "") => `${form}/${n}/on_start/params/inputs/of ${name}/task`;

describe("a creation", () => {
  const wrong = [task("a"), task("b", { ...below("a"), ...reads("a", "c", "ghost") }), task("c", below("a"))];
  const faults = [`${at(1, "ghost")} dependency_unknown`, `${at(1, "c")} input_no_ancestor`];

  it("is refused where an input names a task that is not above, with every fault, by HTTP, in a dry run and by NATS", async () => {
    expect(faultsOf(await send("/task", wrong))).toEqual([400, faults]);
    expect(faultsOf(await send("/task?dry_run=1", wrong))).toEqual([400, faults]);
    const { status, body } = await createFromMessage(api.deps, JSON.stringify(wrong));
    expect(faultsOf({ status, body })).toEqual([400, faults]);
  });

  it("takes ancestors in any order of the call, and gives inputs back as they were sent, with the task and in the definition", async () => {
    const inputs = { x: { task: "a", pointer: "/n", default: { none: true } }, y: { task: "b" } };
    const sent = [
      task("c", { ...below("b"), ...reading(inputs) }),
      task("b", below("a")),
      task("a", reading("parents")),
    ];
    const made = await create(sent);
    const answer = await api.get(`/task/${made.ids.c}`);
    expect(answer.actions).toMatchObject([{ trigger: "Start", params: { inputs } }]);
    const { tasks } = await api.get(`/batch/${made.batch}/definition`);
    expect(tasks.map((one: { on_start?: object }) => one.on_start)).toEqual(
      sent.map((one) => (one as { on_start?: object }).on_start),
    );
    expect((await send("/task", { tasks })).status).toBe(201);
  });

  it("takes an input of a task that it leaves out, and of one above that; the definition goes without both", async () => {
    const twin = { kind: "left out", metadata: { n: 1 } };
    await create([task("first", twin)]);
    const dedupe_strategy = [{ kind: "left out", status: "Pending", fields: ["n"] }];
    const sent = [
      task("top"),
      task("gone", { ...twin, ...below("top"), dedupe_strategy }),
      task("low", { ...below("gone"), ...reads("gone", "top") }),
      task("all", { ...below("gone", "top"), ...reading("parents") }),
    ];
    const made = await create(sent);
    const rows = await api.db.use(
      (sql) => sql`select local_id, sources from task_spec where batch_id = ${made.batch} order by rank`,
    );
    expect(Object.fromEntries(rows.map(({ local_id, sources }) => [local_id, sources]))).toEqual({
      ...{ top: null, low: { gone: null }, all: { gone: null } },
    });
    const { tasks } = await api.get(`/batch/${made.batch}/definition`);
    expect(tasks[1].on_start.params.inputs).toEqual({});
    expect(tasks[2].on_start.params.inputs).toBe("parents");
    expect((await send("/task", { tasks })).status).toBe(201);
  });
});

describe("an addition", () => {
  /** low → mid → top, and aside. */
  const chain = () => create([task("low"), task("mid", needs("low")), task("top", needs("mid")), task("aside")]);

  it("may read what lies above its parents in the batch, however far, and nothing else", async () => {
    const { batch } = await chain();
    const wrong = [
      task("x", { ...below("mid"), ...reads("low", "top") }),
      task("y", { ...below("x"), ...reads("aside", "ghost", "mid") }),
    ];
    const faults = [
      `${at(1, "ghost")} dependency_unknown`,
      `${at(0, "top")} input_no_ancestor`,
      `${at(1, "aside")} input_no_ancestor`,
    ];
    expect(faultsOf(await add(batch, wrong))).toEqual([400, faults]);
    expect(faultsOf(await add(batch, wrong, {}, "?dry_run=1"))).toEqual([400, faults]);
    const { status, body } = await addFromMessage(api.deps, batch, JSON.stringify(wrong));
    expect(faultsOf({ status, body })).toEqual([400, faults]);
    const right = [
      task("x", { ...below("top"), ...reads("low", "mid", "top") }),
      task("y", { ...below("x"), ...reads("low") }),
    ];
    expect((await add(batch, right)).status).toBe(201);
    expect((await add(batch, [task("z", { ...below("y"), ...reads("x", "low") })])).status).toBe(201);
    // All of it is in the batch: nothing has to be noted.
    const noted = await api.db.use(
      (sql) => sql`select from task_spec where batch_id = ${batch} and sources is not null`,
    );
    expect(noted).toHaveLength(0);
  });

  it("gets its first answer again under its key, though its inputs are not judged once more", async () => {
    const { batch } = await chain();
    const tasks = [task("x", { ...below("top"), ...reads("low") })];
    const first = await add(batch, tasks, { "idempotency-key": "again" });
    const again = await add(batch, tasks, { "idempotency-key": "again" });
    expect([first.status, again.status, again.body]).toEqual([201, 201, first.body]);
  });

  it("by a signature alone may read only that task, tasks that it added, and each other", async () => {
    const made = await create([task("before"), task("me", needs("before")), task("other")]);
    const me = made.ids.me as string;
    await become(made.ids.before, "Success");
    await become(me, "Running");
    expect((await byTask(me, [task("part", { ...below("me"), ...reads("me") })])).status).toBe(201);
    const join = task("join", { ...below("part"), ...reads("part", "me") });
    expect((await byTask(me, [join, task("end", { ...below("join"), ...reads("part", "join", "me") })])).status).toBe(
      201,
    );
    for (const name of ["before", "other"]) {
      const refused = await byTask(me, [task("x", { ...below("me"), ...reads(name) })]);
      expect([refused.status, refused.body.details]).toEqual([
        400,
        [
          `tasks[0].on_start.params.inputs["of ${name}"].task: neither the task of the handle nor one that it added has the id "${name}"`,
        ],
      ]);
    }
  });
});

it("is only called with a body that can carry them", async () => {
  const refused = await send("/task", [
    task("a", reading("parents", { verb: "Get" })),
    task("b", reading("parents", { body: "text", headers: { "content-type": "text/plain" } })),
  ]);
  expect([refused.status, refused.body.details]).toEqual([
    400,
    [
      "tasks[0].on_start.params.inputs: must not be given with the verb Get, which sends no body",
      'tasks[1].on_start.params.body: must be an object, or left out, where inputs are given, not "text"',
    ],
  ]);
});
