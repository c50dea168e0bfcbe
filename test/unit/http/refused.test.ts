// What an operator sees of a report that was refused: one line with the task and the faults, and not so many that they hide others.
import { expect, it } from "vitest";
import { renderMetrics } from "#telemetry/metrics";
import { fakeServer } from "./fakes.ts";

const id = "019b0000-0000-7000-8000-00000000000a";

async function stage(env: Record<string, string> = {}) {
  const lines: Record<string, unknown>[] = [];
  const all = { LOG_LEVEL: "info", PAYLOAD_MAX_BYTES: "4096", ...env };
  return { ...(await fakeServer(all, { write: (line) => void lines.push(JSON.parse(line)) })), lines };
}

it.each<[string, "PATCH" | "PUT" | "POST", string, unknown, string, string[]]>([
  [
    "an unknown state",
    "PATCH",
    "",
    { status: "Done" },
    "validation_failed",
    ['status: must be one of Success, Failure, Skipped, not "Done"'],
  ],
  ["no JSON", "PATCH", "", '{"status":', "malformed_json", [expect.stringMatching(/^body: /)]],
  ["too much", "PATCH", "", { result: "x".repeat(5_000) }, "body_too_large", [expect.stringMatching(/4096/)]],
  ["no integer", "PUT", "", { new_success: 1.5 }, "validation_failed", [expect.stringMatching(/^new_success: /)]],
  [
    "another parameter",
    "PUT",
    "?atempt=1",
    {},
    "validation_failed",
    [expect.stringMatching(/did you mean "attempt"\?$/)],
  ],
  ["no JSON of added tasks", "POST", "/tasks", "[{", "malformed_json", [expect.stringMatching(/^body: /)]],
])("a report with %s is one line", async (_, method, more, body, code, faults) => {
  const { json, lines } = await stage();
  const answer = await json(method, `/task/${id.toUpperCase()}${more}`, body);
  const call = `${method} /task/{id}${method === "POST" ? more : ""}`;
  const text = "a report was refused, and its task is as it was";
  expect(lines).toMatchObject([
    { level: "warn", msg: text, task: id, call, actor: "anonymous", status: answer.statusCode, code, faults },
  ]);
});

it("so is one without a good signature", async () => {
  const { json, lines } = await stage({ HANDLE_SECRET: "a-secret-of-32-characters-or-more" });
  await json("PATCH", `/task/${id}?sig=secret`, { status: "Success" });
  expect(lines).toMatchObject([{ task: id, status: 401, code: "unauthorized", faults: [] }]);
  expect(JSON.stringify(lines)).not.toContain("secret");
});

it("when the last one was is in the metrics, by status", async () => {
  const last = (status: number) =>
    Number(
      new RegExp(`baton_report_refused_timestamp_seconds\\{status="${status}"\\} (\\S+)`).exec(renderMetrics())?.[1],
    );
  const { json } = await stage({ HANDLE_SECRET: "a-secret-of-32-characters-or-more" });
  const before = Date.now();
  await json("PUT", `/task/${id}`, {});
  const secs = last(401);
  expect(secs).toBeGreaterThanOrEqual(before / 1e3);
  expect(secs).toBeLessThanOrEqual(Date.now() / 1e3);
  await json("PUT", "/unknown", {});
  expect(last(401)).toBe(secs);
});

it("what its state refuses, what operators ask and what is taken is none", async () => {
  const { json, state, lines } = await stage();
  await json("PATCH", `/task/${id}`, { status: "Success" });
  await json("POST", `/task/${id}/override`, { status: "Done" });
  await json("POST", "/task", [{}]);
  state.answer = () => ({ id, status: 409, state: "Waiting", error: "no", code: "not_in_this_state", allowed: [] });
  await json("PATCH", `/task/${id}`, { status: "Success" });
  expect(lines).toEqual([]);
});

it("a flood of them is fifty lines in ten seconds, and the next line counts the others", async () => {
  const { json, lines } = await stage();
  const clock = performance.now;
  let passed = 0;
  performance.now = () => clock.call(performance) + passed;
  try {
    for (let n = 0; n < 60; n++) await json("PUT", `/task/${id}`, { new_success: -1 });
    expect(lines).toHaveLength(50);
    passed = 10_000;
    await json("PUT", `/task/${id}`, { new_success: -1 });
    await json("PUT", `/task/${id}`, { new_success: -1 });
    expect(lines.slice(50).map(({ leftOut }) => leftOut)).toEqual([10, undefined]);
  } finally {
    performance.now = clock;
  }
});
