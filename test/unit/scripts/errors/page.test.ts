// The page of errors has a heading for each code, with what it means, what to do, and an example; and the other pages lead to it.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { errorCodes } from "#domain/errors";
import { faultCodes } from "#domain/faults";
import { renderErrors } from "../../../../scripts/errors/page.ts";

const page = renderErrors();
const section = (code: string) => page.split(`\n### \`${code}\`\n`)[1]?.split("\n### ")[0] ?? "";

it.each(Object.entries(errorCodes))(
  "says of the error %s what it means, what to do, and how it looks",
  (code, { when }) => {
    expect(page.split(`### \`${code}\`\n`)).toHaveLength(2);
    const [, todo, call, example = ""] = section(code).trim().split("\n\n");
    expect(section(code)).toContain(when);
    expect([todo, call].every((text) => (text ?? "").length > 10)).toBe(true);
    expect(JSON.parse(example.split("\n").slice(1, -1).join("\n"))).toMatchObject({ code });
  },
);

it.each(Object.entries(faultCodes))("says of the fault %s the same", (code, what) => {
  expect(page.split(`### \`${code}\`\n`)).toHaveLength(2);
  expect(section(code)).toContain(what);
  expect(section(code)).toMatch(/\n\n.{20,}\n\n`[A-Z]+ \/.*:\n\n```text\n\S[\s\S]*?\n```/);
});

it("is where each code in the reference of HTTP leads", () => {
  const http = readFileSync("docs/reference/http.md", "utf8");
  const links = [...http.matchAll(/\[`(\w+)`\]\((errors\.md[^)]*)\)/g)];
  expect(links.length).toBeGreaterThan(100);
  for (const [, code, link] of links) expect(link).toBe(`errors.md#${code}`);
});
