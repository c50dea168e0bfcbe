// Which part of a result an input is, and when all of them are too large.
import { describe, expect, it } from "vitest";
import { at, given, inputsBytesMax, type Source, tooLarge } from "#domain/inputs/inputs";

describe("a pointer", () => {
  // The document and the answers of RFC 6901, section 5.
  const document = {
    foo: ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
  };
  it.each<[string, unknown]>([
    ["", document],
    ["/foo", ["bar", "baz"]],
    ["/foo/0", "bar"],
    ["/", 0],
    ["/a~1b", 1],
    ["/c%d", 2],
    ["/e^f", 3],
    ["/g|h", 4],
    ["/i\\j", 5],
    ['/k"l', 6],
    ["/ ", 7],
    ["/m~0n", 8],
    ["/foo/2", undefined],
    ["/foo/-", undefined],
    ["/foo/00", undefined],
    ["/foo/length", undefined],
    ["/foo/0/0", undefined],
    ["/none", undefined],
    ["/toString", undefined],
  ])("%j finds %j", (pointer, found) => {
    expect(at(document, pointer)).toEqual(found);
  });

  it("reads ~01 as ~1, not as a slash", () => {
    expect(at({ "~1": "this", "/": "not this" }, "/~01")).toBe("this");
  });
});

const source = (name: string, result: unknown): Source => ({
  name,
  result,
  bytes: result === null ? 0 : JSON.stringify(result).length,
});

describe("named inputs", () => {
  const inputs = {
    rows: { task: "a", pointer: "/rows" },
    whole: { task: "a" },
    empty: { task: "a", pointer: "/empty", default: 1 },
    missing: { task: "a", pointer: "/missing", default: [] },
    nothing: { task: "a", pointer: "/missing" },
    unended: { task: "b", pointer: "/rows", default: 0 },
  };

  it("are what is found, a null that is found included, else the default, else null", () => {
    const a = { rows: 3, empty: null };
    expect(given("me", inputs, [source("a", a), source("b", null)], true)).toEqual({
      localId: "me",
      values: { rows: 3, whole: a, empty: null, missing: [], nothing: null, unended: 0 },
      absent: ["nothing"],
    });
  });

  it("that are null for want of a result, or because they say so, are not named as absent", () => {
    const asked = { none: { task: "b", pointer: "/x" }, said: { task: "a", pointer: "/x", default: null } };
    expect(given("me", asked, [source("a", { rows: 3 }), source("b", null)], true)).toEqual({
      localId: "me",
      values: { none: null, said: null },
    });
  });
});

describe("the results of all parents", () => {
  it("stand by local id in one order, null for none", () => {
    const some = [source("b", { x: 1 }), source("a", null), source("__proto__", 2)];
    expect(JSON.stringify(given("me", "parents", some, true))).toBe(
      '{"localId":"me","values":{"__proto__":2,"a":null,"b":{"x":1}}}',
    );
    expect(given("me", "parents", [], true)).toEqual({ localId: "me", values: {} });
  });
});

describe("inputs of more than 262,144 bytes", () => {
  const most = inputsBytesMax - '{"a":"","ü":null}'.length - 1;

  it.each([true, false])("are counted the same whether they were read or not: %s", (isRead) => {
    const fits = [source("a", "x".repeat(most)), source("ü", null)];
    expect(given("me", "parents", fits, true)).toHaveProperty("values");
    const more = [source("a", "x".repeat(most + 1)), source("ü", null)];
    expect(given("me", "parents", more, isRead)).toEqual({ localId: "me", bytes: inputsBytesMax + 1 });
  });

  it("are a start failure that says so", () => {
    expect(tooLarge(262_145)).toBe(
      "on_start failed: its inputs take 262145 bytes as compact JSON, at most 262144 are sent",
    );
  });

  it("count for the part that a pointer takes, not for the whole result", () => {
    const large = { small: 1, rest: "x".repeat(inputsBytesMax) };
    expect(given("me", { n: { task: "a", pointer: "/small" } }, [source("a", large)], true)).toEqual({
      localId: "me",
      values: { n: 1 },
    });
  });
});
