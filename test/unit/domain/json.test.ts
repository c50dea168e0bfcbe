// The strict JSON parser: what it refuses, where it says the fault lies, and what merely looks suspicious and passes.
import { describe, expect, it } from "vitest";
import { Invalid } from "#domain/errors";
import { depthMax, jsonBytes, parseExactJson, parseJson } from "#domain/json";

function faultsOf(source: Uint8Array | string): readonly string[] {
  try {
    parseJson(source);
  } catch (error) {
    if (error instanceof Invalid) return error.details;
    throw error;
  }
  return [];
}

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

describe("refuses", () => {
  it.each([
    ["nothing", "", "body: is empty"],
    ["a cut text", '{"a":', "body: Unexpected end"],
    ["a byte order mark", "\ufeff{}", "body: Unexpected token"],
    ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "body: is not UTF-8"],
    ["one level too many", nested(depthMax + 1), "body: nested over 32 levels"],
    ["a million levels", nested(1_000_000), "body: nested over 32 levels"],
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
    expect(faultsOf('{"a":"\\u0000","b":{"__proto__":"\\udc00"}}')).toHaveLength(3);
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

it.each([
  ['{"a":[1,{"b":9007199254740993}]}', ["a[1].b: is a whole number that cannot be kept exactly; send it as a text"]],
  ["[-12345678901234567890,1]", ["[0]: is a whole number that cannot be kept exactly; send it as a text"]],
  [`[${"9".repeat(400)}]`, ["[0]: is too large a number"]],
  ["[9007199254740992,9007199254740991,100000000000000000000,0.1234567890123456789,1e16]", []],
  ['{"9007199254740993":"9007199254740993"}', []],
])("keeps whole numbers exactly or refuses them: %s", (text, faults) => {
  const read = () => parseExactJson(text);
  if (faults.length === 0) expect(read()).toEqual(JSON.parse(text));
  else expect(read).toThrow(expect.objectContaining({ details: faults }));
});

it("measures the compact form in bytes", () => {
  expect(jsonBytes({ a: "ä" })).toBe(10);
});
