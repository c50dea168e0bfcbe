// A task that adds tasks to its batch: while it is at work, by its handle alone, and what that may name.
import { describe, expect, it } from "vitest";
import { signatureOf } from "#domain/calls/handle";
import { add, api, become, begun, byTask, create, needs, row, secret, task } from "./grow.stage.ts";

describe("by a task", () => {
  const atWork = async (more: object[] = []) => {
    const made = await create([task("me"), ...more]);
    await become(made.ids.me, "Running");
    return { ...made, me: made.ids.me as string };
  };

  it("adds while the task is at work, below it and below what it added, by its handle alone", async () => {
    const { batch, me } = await atWork();
    const first = await byTask(me, [task("x", needs("me")), task("y", needs("x"))]);
    expect([first.status, first.headers["x-batch-id"], begun(first.body)]).toEqual([
      201,
      batch,
      [
        ["Waiting", null],
        ["Waiting", null],
      ],
    ]);
    expect((await byTask(me, [task("z", needs("y"))])).status).toBe(201);
    // The bit says that it has added tasks.
    expect(await row(me)).toMatchObject({ children: 1, open: 1, acts: 32 });
  });

  it("names by its handle nobody else's tasks", async () => {
    const { batch, me } = await atWork([task("other")]);
    await add(batch, [task("added by others")]);
    for (const name of ["other", "added by others", "ghost"]) {
      const refused = await byTask(me, [task("x", needs(name))]);
      expect([refused.status, refused.body.details]).toEqual([
        400,
        [`tasks[0].dependencies[0].id: neither the task of the handle nor one that it added has the id "${name}"`],
      ]);
    }
    expect((await byTask(me, [task("other")])).body.faults).toMatchObject([{ code: "duplicate" }]);
  });

  it("is refused when the task is not at work, by another attempt, or without a good signature", async () => {
    const { me } = await atWork([task("waits", needs("me"))]);
    const waits = await create([task("me")]);
    expect(await byTask(waits.ids.me as string, [task("x")])).toMatchObject({
      ...{ status: 409, body: { code: "not_in_this_state", current_status: "Pending" } },
    });
    const old = `?attempt=3&sig=${signatureOf(secret, me, 3)}`;
    expect(await byTask(me, [task("x")], old)).toMatchObject({
      status: 409,
      body: { code: "wrong_attempt", current_status: "Running" },
    });
    expect((await byTask(me, [task("x")], "?sig=wrong")).status).toBe(401);
    expect((await byTask(me, [task("x")], "")).status).toBe(401);
    await become(me, "Success");
    expect(await byTask(me, [task("x")])).toMatchObject({
      ...{ status: 409, body: { code: "not_in_this_state", current_status: "Success", allowed: [] } },
    });
  });

  it("adds while it is in doubt", async () => {
    const { ids } = await create([task("me")]);
    await api.db.use((sql) => sql`update task set in_doubt = true where id = ${ids.me as string}`);
    expect((await byTask(ids.me as string, [task("x")])).status).toBe(201);
  });

  it("plans for a dry run", async () => {
    const { me } = await atWork();
    const query = `?dry_run=1&sig=${signatureOf(secret, me, 0)}`;
    expect(await byTask(me, [task("x", needs("me"))], query)).toMatchObject({ status: 200, body: { levels: [["x"]] } });
    expect(await row(me)).toMatchObject({ children: 0 });
  });
});
