// The thread for large batches, seen from the server: what does not come back is refused, and the next call gets a new thread.
import { expect, it } from "vitest";
import { Unavailable } from "#domain/errors";
import { Faults } from "#domain/faults";
import { LargeCalls, type LargeDeps } from "#intake/large/calls";
import { limits } from "#limits";
import { makeLogger } from "#telemetry/log";
import { fakeServer } from "../../http/fakes.ts";

const asking = { actor: "anonymous", role: "operate", isRehearsal: true, key: undefined } as const;
/** On a machine that does much else a thread takes seconds to start. */
const timeout = 60_000;
const body = () => Buffer.from("[]");

it("refuses what a thread had in hand when it ended", { timeout }, async () => {
  const said: string[] = [];
  const log = makeLogger({ logLevel: "error" }, "test", { write: (line) => void said.push(line) });
  const config = { logLevel: "silent" } as LargeDeps["config"];
  const calls = new LargeCalls({ config, db: {} as never, commands: { notifyClaims() {} }, log });
  for (const _ of ["first", "again"])
    await expect(calls.create(body(), asking, new Faults())).rejects.toBeInstanceOf(Unavailable);
  expect(said.map((line) => JSON.parse(line).msg)).toEqual(Array(2).fill("the thread for large batches failed"));
});

it("answers 503 while no connection can be had, and afterwards again", { timeout }, async () => {
  const { app, state } = await fakeServer();
  const post = (payload: string, query = "") =>
    app.inject({ method: "POST", url: `/task${query}`, headers: { "content-type": "application/json" }, payload });
  const blanks = " ".repeat(limits.largeBodyBytes);
  state.up = false;
  const refused = await post(`[]${blanks}`);
  expect([refused.statusCode, refused.headers["retry-after"], refused.json().code]).toEqual([503, "1", "unavailable"]);
  expect((await post(`[]${blanks}`, "?dry_run=1")).json()).toMatchObject({ levels: [] });
});

it("deals with many bytes one after the other, and with all of them", { timeout }, async () => {
  const { app } = await fakeServer({ PAYLOAD_MAX_BYTES: "100000000" });
  const payload = `[]${" ".repeat(limits.largeBodiesBytesMax / 2)}`;
  const answers = await Promise.all(
    [1, 2, 3].map(() =>
      app.inject({
        ...{ method: "POST", url: "/task?dry_run=1", payload },
        headers: { "content-type": "application/json" },
      }),
    ),
  );
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
});
