// Holds the log to its promise: JSON lines that stay short, forge nothing and give nothing away.
import { expect, it } from "vitest";
import { makeLogger } from "#telemetry/log";

function capture(level: "debug" | "info" | "silent" = "info") {
  const lines: string[] = [];
  const logger = makeLogger({ logLevel: level }, "test", { write: (line) => void lines.push(line) });
  const last = (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? "{}");
  return { logger, lines, last };
}

it("writes one JSON line with level, time, name and message", () => {
  const { logger, lines, last } = capture();
  logger.info({ task_id: "t1" }, "claimed");
  logger.debug("not written");
  expect(lines).toHaveLength(1);
  expect(last()).toMatchObject({ level: "info", name: "test", task_id: "t1", msg: "claimed" });
  expect(last().time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

it("writes nothing when silent", () => {
  const { logger, lines } = capture("silent");
  logger.fatal("x");
  expect(lines).toEqual([]);
});

it("hides secrets by name at any depth, in children, and by shape in texts", () => {
  const { logger, lines } = capture();
  const headers = { Authorization: "Bearer hunter2", "set-cookie": ["hunter2"] };
  logger.info({ headers, deep: { er: { HANDLE_SECRET: "hunter2", apiKey: "hunter2" } }, token: "hunter2" }, "a");
  logger.child({ authToken: "hunter2" }).child({ password: "hunter2" }).warn("b");
  logger.info("connect postgres://u:hunter2@h/db with Bearer hunter2 and /task/1?attempt=0&sig=hunter2");
  logger.info({ url: "http://h/task/1?sig=hunter2", long: `${"x".repeat(1010)} ://u:hunter2${"y".repeat(80)}@h` }, "c");
  logger.error(new Error("refused: whsec_hunter2"));
  logger.info(
    "POST http://s/run?token=hunter2%2Fhunter2&handle=http%3A%2F%2Fh%2Ftask%2F1%3Fattempt%3D0%26sig%3Dhunter2",
  );
  expect(lines).toHaveLength(6);
  expect(lines.join("")).not.toContain("hunter2");
});

it("tells an error's type, code and cause, never its request, configuration or body", () => {
  const { logger, last } = capture();
  const cause = Object.assign(new Error("terminating"), { code: "57P01", query: "select hunter2" });
  const bulky = { config: { url: "hunter2" }, body: "hunter2", parameters: ["hunter2"], _tag: "DbDown" };
  logger.error({ err: Object.assign(new TypeError("lost", { cause }), bulky), body: { a: "hunter2" } }, "query failed");
  expect(last().err).toMatchObject({ type: "TypeError", message: "lost", tag: "DbDown" });
  expect(last().err).toMatchObject({ cause: { code: "57P01", message: "terminating" } });
  expect(JSON.stringify(last())).not.toContain("hunter2");
  logger.error(new AggregateError([new Error("one"), new Error("two")], "both"));
  expect(last()).toMatchObject({ msg: "both", err: { errors: [{ message: "one" }, { message: "two" }] } });
});

it("cuts long texts and lists, and drops characters that could forge a line", () => {
  const { logger, lines, last } = capture();
  logger.info(
    { long: "x".repeat(5000), list: Array.from({ length: 500 }, (_, i) => i) },
    `a\u001b[31m\r\u202eb\u2028c`,
  );
  expect(last().long).toBe(`${"x".repeat(1024)}…`);
  expect(last().list).toHaveLength(50);
  expect(last().msg).toBe("a[31mbc");
  expect(lines[0]?.trimEnd()).not.toContain("\n");
});

it("survives cycles, big numbers, dates, sets and strange objects", () => {
  const { logger, last } = capture();
  const cycle: Record<string, unknown> = { n: 10n, at: new Date(0), bad: new Date(Number.NaN), set: new Set([1]) };
  cycle.self = cycle;
  logger.info({ cycle, socket: new (class Socket {})(), f: () => 1, none: Object.create(null) }, "ok");
  expect(last().cycle).toMatchObject({ n: "10", at: "1970-01-01T00:00:00.000Z", bad: null, set: [1] });
  expect(last()).toMatchObject({ socket: "[Socket]", none: {} });
});
