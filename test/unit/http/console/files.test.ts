// The built console in memory: what is read, the forms of each file, and links that fit the depth of an address.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadConsole } from "#http/console/files";

const folder = mkdtempSync(join(tmpdir(), "console-"));
mkdirSync(join(folder, "assets"));
writeFileSync(join(folder, "index.html"), '<link href="./icon.svg"><script src="./assets/a.js"></script>');
writeFileSync(join(folder, "stamp"), "x");
writeFileSync(join(folder, "icon.svg"), "<svg/>");
for (const [end, text] of [
  ["", "plain"],
  [".br", "br"],
  [".gz", "gz"],
])
  writeFileSync(join(folder, `assets/a.js${end}`), text ?? "");
afterAll(() => rmSync(folder, { recursive: true }));

describe("a build", () => {
  const console = loadConsole(folder);

  it("is served by path, with its compressed forms, and nothing else of the folder", () => {
    expect([...console.files.keys()].sort()).toEqual(["assets/a.js", "icon.svg"]);
    const file = console.files.get("assets/a.js");
    expect([file?.type, String(file?.forms.identity), String(file?.forms.br), String(file?.forms.gzip)]).toEqual([
      ...["text/javascript; charset=utf-8", "plain", "br", "gz"],
    ]);
  });

  it.each([
    [0, false, "view/"],
    [0, true, "./"],
    [1, false, "./"],
    [1, true, "../"],
    [2, false, "../"],
    [3, false, "../../"],
  ])("links from depth %i (slash at the end: %s) by %s", (depth, hasSlash, up) => {
    const page = String(console.page(depth, hasSlash).forms.identity);
    expect(page).toBe(`<link href="${up}icon.svg"><script src="${up}assets/a.js"></script>`);
  });
});

it("says so where nothing was built", () => {
  const console = loadConsole(join(folder, "nowhere"));
  expect([console.isBuilt, console.files.size]).toEqual([false, 0]);
  expect(String(console.page(0, false).forms.identity)).toContain("npm run console");
});
