// The way from one page of a listing to the next.
import { expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { flag, integer, object, oneOf, paging, readQuery, sayNext, someOf } from "#http/query";

const linkOf = (url: string): URL => {
  const headers = new Map<string, string>();
  const out = { header: (name: string, value: string) => headers.set(name, value) };
  sayNext({ url }, out, "task", { page: 0, size: 2 }, { at: "2026-01-01T00:00:00.000000Z", id: "a" } as never);
  return new URL(/^<(.*)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1] ?? "", "http://x");
};

it("keeps every filter, also behind a second question mark", () => {
  const { pathname, searchParams } = linkOf("/task?name=a?b&kind=c%3Fd&page=0&metadata=%7B%7D");
  expect(pathname).toBe("/task");
  const { after, ...filters } = Object.fromEntries(searchParams);
  expect(filters).toEqual({ name: "a?b", kind: "c?d", metadata: "{}" });
  expect(after).not.toBe("");
});

it("needs no filter", () => {
  expect([...linkOf("/batches").searchParams.keys()]).toEqual(["after"]);
});

it.each([
  ['{"a":', "invalid_format", 'must be a JSON object, not "{\\"a\\":"'],
  ["[1]", "invalid_format", 'must be a JSON object, not "[1]"'],
  ['{"n":[9007199254740993]}', "number_changed", /^n\[0\]: 9007199254740993 would be kept as 9007199254740992/],
  ['{"__proto__":1}', "unsafe_text", "__proto__: is not allowed as a name"],
  [`{"a":${"[".repeat(32)}${"]".repeat(32)}}`, "too_deep", "must not be nested over 32 levels"],
] as const)("says what is wrong with the JSON filter %s", (metadata, code, message) => {
  const faults = new Faults();
  readQuery({ metadata }, { metadata: object("Contained.", "{}") }, faults);
  const text = typeof message === "string" ? message : expect.stringMatching(message);
  expect(faults.faults).toEqual([{ path: "?metadata", code, message: text }]);
});

it.each([
  ["n", "0", "out_of_range"],
  ["n", "6", "out_of_range"],
  ["n", "-3", "out_of_range"],
  ["n", "99999999999999999999", "out_of_range"],
  ["n", "1.5", "invalid_format"],
  ["n", "x", "invalid_format"],
  ["n", "", "invalid_format"],
  ["page", "-1", "out_of_range"],
  ["page", "1e3", "invalid_format"],
  ["page_size", "0", "out_of_range"],
  ["page_size", "ten", "invalid_format"],
  ["one", "c", "not_allowed"],
  ["some", "a,c", "not_allowed"],
  ["some", "", "not_allowed"],
  ["flag", "yes", "not_allowed"],
  ["one", "\0", "invalid_format"],
])("says what kind of fault %s=%s is: %s", (name, sent, code) => {
  const choices = ["a", "b"] as const;
  const params = { n: integer(1, 5, "", 1), one: oneOf(choices, "", "a"), some: someOf(choices, "", "a") };
  const faults = new Faults();
  readQuery({ [name]: sent }, { ...params, ...paging, flag: flag("") }, faults);
  expect(faults.faults.map(({ path, code }) => [path, code])).toEqual([[`?${name}`, code]]);
});

it.each([
  ["pagesize", 'is not a known parameter; known are page, page_size; did you mean "page_size"?'],
  ["colour", "is not a known parameter; known are page, page_size"],
])("says which parameters there are, and which one %s may mean", (name, message) => {
  const faults = new Faults();
  readQuery({ [name]: "1" }, paging, faults);
  expect(faults.faults).toEqual([{ path: `?${name}`, code: "unknown_parameter", message }]);
});
