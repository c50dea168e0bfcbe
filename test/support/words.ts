/**
 * The words that docs/glossary.md has replaced. They are refused in identifiers, comments and docs, so that one thing keeps
 * one name. A word with its ordinary meaning in one file is listed below; names on the wire keep what clients rely on.
 */
import type { File } from "./tidy.ts";

const retired = new Set(
  [
    "scene scenes manner manners patient impatient patience spread spreads memo memos draft drafts owe owed owes owing",
    "holder holders lane lanes wake wakes woke woken waking gather gathers gathered room rooms hunger hungry eat eats eaten",
    "door doors bell bells hint hints teller heir heirs told rim rims moot busy park parks parked parking kid kids",
  ].flatMap((line) => line.split(" ")),
);

/** What clients and operators see: subjects, a stream, a field of `blocked_by`, a code of errors, and what it says. */
const onTheWire =
  /\bbaton\.(door|start\.bell)\b|\bBATON_BELL\b|\bholders\b(?=\??:|`|")|\bas holders\b|["'`]busy["'`]|#busy\b|\b503 busy\b|\bbusy(?=: \{)|\bBusy\b|database is too busy/g;

/** Files in which a word has its ordinary meaning. */
const ordinary: Readonly<Record<string, readonly string[]>> = {
  "test/support/tidy.ts": ["room", "rooms"], // the folders of src, as the house calls them
  "test/chaos/rules/known.ts": ["manner"], // how the service of a random test answers
  "test/chaos/rules/plan.ts": ["manner", "manners"],
  "test/chaos/rules/run.ts": ["manner"],
  "src/cli/mcp/server.ts": ["hint"], // names of the Model Context Protocol
  "src/web/screens/playground/check.ts": ["memo"], // React's name of a function
  "src/web/graph/use-grouped.ts": ["memo"],
  "src/store/read/walk.ts": ["gather"], // a setting of Postgres
  "test/unit/telemetry/metrics.test.ts": ["moot"], // a value of a label that must be refused
  "test/unit/webhook/call.test.ts": ["hints"], // HTTP's status 103
};

const isChecked = (path: string): boolean =>
  /^(src|machines|test|docs)\/.*\.(ts|sql|md)$|^README\.md$/.test(path) &&
  !/^test\/(support\/words|tidy\.test)\.ts$/.test(path);

const identifier = /[A-Za-z]+/g;
const partsOf = (name: string): readonly string[] =>
  (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((part) => part.toLowerCase());

/** Lines that say a retired word, also as a part of a longer name. */
export function wordFaults(files: readonly File[]): string[] {
  return files
    .filter(({ path }) => isChecked(path))
    .flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, i) => {
        const words = (line.replace(onTheWire, " ").match(identifier) ?? []).flatMap(partsOf);
        const found = words.filter((word) => retired.has(word) && !ordinary[path]?.includes(word));
        return found.length > 0 ? [`${path}:${i + 1}: says ${found.join(", ")}: see docs/glossary.md`] : [];
      }),
    );
}
