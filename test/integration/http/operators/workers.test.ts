// `GET /workers` lists the processes that are alive, whatever their role, and no other.
import { afterAll, expect, it } from "vitest";
import { register, renew, resign } from "#store/maintenance/process";
import { openApi } from "../api.ts";
import { pages } from "./pages.ts";

const api = await openApi();
afterAll(api.close);

it("lists those alive by their ids, with what each says of itself", async () => {
  const start = (name: string, roles: string[]) => register(api.db, { name, roles, version: "1.2.3" }, 60);
  const [gone, worker, web] = [await start("a", ["worker"]), await start("b", ["worker"]), await start("c", ["api"])];
  await resign(api.db, gone);
  await renew(api.db, worker, 60, { callsOpen: 4, lagMs: 12.4, skewMs: -7.6 });
  const time = expect.stringMatching(/^\d{4}-.*Z$/);
  const rest = { version: "1.2.3", started_at: time, alive_until: time };
  const all = [
    { id: worker, roles: ["worker"], ...rest, calls_open: 4, lag_ms: 12, skew_ms: -8 },
    { id: web, roles: ["api"], ...rest, calls_open: 0, lag_ms: 0, skew_ms: 0 },
  ];
  expect(await api.get("/workers")).toEqual(all);
  expect(await pages(api, "/workers?page_size=1")).toEqual(all.map((one) => [one]));
  expect(await api.get("/workers?page=1&page_size=1")).toEqual([all[1]]);
  expect(await api.get("/workers?page=2")).toEqual([]);
});

it("refuses a cursor of another listing", async () => {
  const after = Buffer.from(`dag 00000000-0000-0000-0000-000000000000 1`).toString("base64url");
  const answer = await api.app.inject(`/workers?after=${after}`);
  expect([answer.statusCode, answer.json().faults[0].path]).toEqual([400, "?after"]);
});
