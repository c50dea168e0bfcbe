// The strict JSON parser: what it refuses, where it says the fault lies, and what merely looks suspicious and passes.
import { describe, expect, it } from "vitest";
import { Invalid } from "#domain/errors";
import { Faults } from "#domain/faults";
import { canonicalJson, depthMax, jsonBytes, parseJson } from "#domain/values/json";

function faultsOf(source: Uint8Array | string): readonly string[] {
  try {
    parseJson(source);
  } catch (error) {
    if (error instanceof Invalid) return error.details;
    throw error;
  }
  return [];
}

const parseOne = (text: string) => parseJson(text);
const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

describe("refuses", () => {
  it.each([
    ["nothing", "", "body: is empty"],
    ["a cut text", '{"a":', "body: Unexpected end"],
    ["two byte order marks", "\ufeff\ufeff{}", "body: Unexpected token"],
    ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "body: is not UTF-8"],
    ["one level too many", nested(depthMax + 1), "body: must not be nested over 32 levels"],
    ["a million levels", nested(1_000_000), "body: must not be nested over 32 levels"],
    ["__proto__ as a name", '[{"a":{"__proto__":1}}]', "[0].a.__proto__: is not allowed"],
    ["__proto__ written with an escape", '{"\\u005f_proto__":1}', "__proto__: is not allowed"],
    ["NUL in a text", '{"a":["x\\u0000"]}', "a[0]: holds a NUL"],
    ["NUL in a name", '{"\\u0000":1}', "its name holds a NUL"],
    ["half of a surrogate pair", '{"a":"\\ud83d"}', "a: holds half"],
    ["a number beyond all numbers", '{"a":1e400}', "a: is too large"],
    ["the same in digits", `{"a":${"9".repeat(400)}}`, "a: is too large"],
  ])("%s", (_what, source, fault) => {
    expect(faultsOf(source).join()).toContain(fault);
  });

  it("all of them at once", () => {
    const text = '{"a":"\\u0000","b":{"__proto__":"\\udc00"},"c":[9007199254740993,1e999]}';
    expect(faultsOf(text)).toHaveLength(5);
  });

  it("and writes out what nobody would see", () => {
    expect(faultsOf("\ufeff\ufeff{}").join()).toContain('"\\ufeff{}"');
    expect(faultsOf('{"a\u200b":}').join()).not.toMatch(/\p{C}/u);
  });
});

describe("takes", () => {
  it.each([
    ["as many levels as are allowed", nested(depthMax)],
    ["brackets within texts", JSON.stringify("[".repeat(100))],
    ["an escaped quote before brackets", JSON.stringify(`"\\${"[".repeat(100)}`)],
    ["__proto__ as a text", '["__proto__"]'],
    ["a whole surrogate pair in escapes", '["\\ud83d\\ude00"]'],
    ["an escaped backslash before u0000", '["\\\\u0000"]'],
    ["a large exponent that still is a number", "[1e300]"],
  ])("%s", (_what, text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
    expect(parseJson(new TextEncoder().encode(text))).toEqual(JSON.parse(text));
  });
});

describe("numbers", () => {
  const changed = (sent: string, kept: string) => [`[0]: ${sent} would be kept as ${kept}: send it as a text`];

  it.each([
    ["9007199254740993", "9007199254740992"],
    ["1152921504606846976", "1152921504606847000"],
    ["-12345678901234567890", "-12345678901234567000"],
    ["9007199254740993.0", "9007199254740992"],
    ["900719925474099.3e1", "9007199254740992"],
    ["90071992547409930e-1", "9007199254740992"],
    ["1234567890123456789e5", "1.2345678901234569e+23"],
  ])("with an integer value that would be kept as another one are refused: %s", (sent, kept) => {
    const [details, path] = [changed(sent, kept), "/0"];
    expect(() => parseJson(`[${sent}]`)).toThrow(
      expect.objectContaining({ details, faults: [expect.objectContaining({ path, code: "number_changed" })] }),
    );
  });

  it.each(["1e999", "-1e999", "9".repeat(400), "1.5e400"])("beyond a double are refused: %s", (sent) => {
    expect(() => parseJson(`[${sent}]`)).toThrow(expect.objectContaining({ details: ["[0]: is too large a number"] }));
  });

  it.each([
    ..."1.0 1e2 -0 0e999 9007199254740992 9007199254740991 100000000000000000000 1e16 1e21 1e23 1e300".split(" "),
    ..."0.10000000000000001 1.0000000000000000001 0.1234567890123456789 1e-400 123456789012345678.5".split(" "),
  ])("are taken as doubles otherwise: %s", (sent) => {
    expect(parseJson(`[${sent}]`)).toEqual(JSON.parse(`[${sent}]`));
  });

  it("in texts and names do not matter", () => {
    const text = '{"9007199254740993":"9007199254740993"}';
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });
});

it("goes on with the faults that it is given, and nothing else is said of what cannot be read", () => {
  const faults = new Faults();
  faults.addOutside("?x", "x", "unknown_parameter", "is not known");
  expect(parseJson('{"a":{"n":9007199254740993},"b":1}', false, faults)).toEqual({ a: { n: 2 ** 53 }, b: 1 });
  faults.add(["a", "n"], "out_of_range", "must be small");
  faults.add(["b"], "wrong_type", "must be a text");
  expect(faults.faults.map(({ path, code }) => [path, code])).toEqual([
    ["?x", "unknown_parameter"],
    ["/a/n", "number_changed"],
    ["/b", "wrong_type"],
  ]);
});

it("skips a byte order mark", () => {
  expect(parseJson("\ufeff[1]")).toEqual([1]);
  expect(parseJson(new TextEncoder().encode("\ufeff[1]"))).toEqual([1]);
});

it("names entries of a bare array as tasks where they stand for these, and points into what was sent", () => {
  const read = () => parseJson('[{"a/b":"\\u0000"}]', "bareTasks");
  const details = ['tasks[0]["a/b"]: holds a NUL character'];
  expect(read).toThrow(expect.objectContaining({ details, faults: [expect.objectContaining({ path: "/0/a~1b" })] }));
});

it("gives one canonical form to what is equal as JSON", () => {
  const [a, b] = ['{"a":[1,{"c":1,"b":2.0}],"d":null}', '{ "d": null, "a": [1e0, {"b": 2, "c": 1}] }'].map(parseOne);
  expect(canonicalJson(a)).toBe(canonicalJson(b));
  expect(canonicalJson(parseOne("[1,2]"))).not.toBe(canonicalJson(parseOne("[2,1]")));
});

it("measures the compact form in bytes", () => {
  expect(jsonBytes({ a: "ä" })).toBe(10);
});
