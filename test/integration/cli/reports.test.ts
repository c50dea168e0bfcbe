// `baton doctor` after a service's reports were refused: they change nothing, so that their task only times out.
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { stage } from "./stage.ts";

let cluster: Cluster;
const { baton } = stage(() => cluster.url);

beforeAll(async () => {
  cluster = await startCluster({ together: true, env: { HANDLE_SECRET: "for the handles of this test" } });
});

it("finds a report that was refused for its handle, and says how to mend it", async () => {
  expect((await baton("doctor")).out).toMatch(/^ok +reports +none refused in the last hour$/m);
  const { t = "" } = await cluster.create([{ id: "t", name: "t", kind: "k", on_start: { kind: "Wait", params: {} } }]);
  // As a service does that builds the URL itself, without the signature.
  expect((await cluster.call("PATCH", `/task/${t}`, { status: "Success" })).status).toBe(401);
  const { out } = await baton("doctor");
  expect(out).toMatch(/^warning +reports +refused with 401, the last one \d s ago$/m);
  expect(out).toMatch(/^reports: .*the handle as it came/m);
});
