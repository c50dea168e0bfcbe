// Writes docs/reference/errors.md: a heading with an anchor for each code of an error and of a fault, from the two lists of codes.
import { errorCodes } from "../../src/domain/errors.ts";
import { faultCodes } from "../../src/domain/faults.ts";
import { type ErrorWords, errorWords } from "./codes.ts";
import { type FaultWords, faultWords } from "./faults.ts";

export function renderErrors(): string {
  const lines = [
    "# Errors",
    "",
    "<!-- Generated from src/domain/errors.ts, src/domain/faults.ts and scripts/errors by `npm run docs`; do not edit. -->",
    "",
    "Every answer of 400 and above has this form. `code` and the codes of faults are stable; the sentences are for people and may",
    "change. Answers by NATS carry the same codes.",
    "",
    ...answerLines(errorWords.validation_failed, "validation_failed", [
      { path: "/0/name", code: "required", message: "is required" },
      { path: "/1/dependencies/0/id", code: "dependency_unknown", message: 'no task of this call has the id "ghost"' },
    ]),
    "",
    "`path` of a fault is an RFC 6901 pointer into the body as it was sent, to the missing member where one is missing; `?name` for a",
    "query parameter; `header:Name` for a header; `:id` for the id in the path. In `details`, paths begin with `tasks[n]` whether the",
    "tasks were sent alone or in an object.",
    "",
    "| status | what to do |",
    "|---|---|",
    "| 400, 404, 405, 413, 415, 422 | mend the call; the same one will be refused again |",
    "| 401, 403 | use another token, or the handle as it came |",
    "| 409 | something else has happened meanwhile: read the state, then decide |",
    "| 429, 503 | repeat the same call after `Retry-After`; nothing was done, or the key makes sure that it counts once |",
    "| 500 | a fault in Baton |",
    "",
    "## Codes of errors",
  ];
  for (const [name, { statuses, when }] of Object.entries(errorCodes)) {
    const words: ErrorWords = errorWords[name as keyof typeof errorWords];
    lines.push("", `### \`${name}\``, "", `**${statuses.join(", ")}.** ${when}`, "", words.todo, "");
    lines.push(`\`${words.call}\`${words.given ? ` (${words.given})` : ""}:`, "", ...answerLines(words, name, []));
  }
  lines.push(
    "",
    "## Codes of faults",
    "",
    "A fault is one thing that is wrong with a call. Its code stands in `faults` of the answer.",
  );
  for (const [name, what] of Object.entries(faultCodes))
    lines.push("", `### \`${name}\``, "", ...faultLines(what, faultWords[name as keyof typeof faultWords]));
  return `${lines.join("\n")}\n`;
}

function answerLines({ error, details = [] }: ErrorWords, code: string, faults: readonly object[]): string[] {
  const answer = { error, code, details, ...(faults.length > 0 ? { faults } : {}) };
  return ["```json no-test: an answer", JSON.stringify(answer, null, 2), "```"];
}

function faultLines(what: string, { todo, call = "POST /task", sent, says }: FaultWords): string[] {
  const text = typeof sent === "string" ? sent : JSON.stringify(sent);
  const body =
    sent === undefined || text.length > 300
      ? `\`${call}\`:`
      : `\`${call}\` with ${text === "" ? "an empty body" : `\`${text}\``}:`;
  return [what, "", todo, "", body, "", "```text", says, "```"];
}
