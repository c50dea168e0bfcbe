// Owns the build of the pages at /docs: from docs/ to dist/site, which role api serves. Built only when the pages, what makes them or
// the locked dependencies differ from those of the last build. A link that leads nowhere fails the build.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { rolldown } from "rolldown";
import { buildOnce, filesIn, ROOT } from "../build-once.mjs";
import { callsByHeading } from "./calls.ts";
import { addressOf, contentsOf, linkFrom, llmsText } from "./contents.ts";
import { Renderer, slug } from "./markdown.ts";
import { type Page, pageText } from "./page.ts";
import { searchIndex } from "./search.ts";

/** The page on which each call can be tried. */
const reference = "reference/http";

/** Writes the whole site into a folder that is not there yet. */
export async function buildSite(out: string): Promise<void> {
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(out, path)), { recursive: true });
    writeFileSync(join(out, path), text);
  };
  const files = filesIn("docs").map((path) => path.slice("docs/".length));
  const sources = files.filter((path) => path.endsWith(".md"));
  const textOf = (path: string) => readFileSync(join(ROOT, "docs", path), "utf8");
  const groups = contentsOf(textOf("README.md"));
  const renderer = await Renderer.open();
  const copied = new Set(files.filter((path) => path.startsWith("images/")));
  const pages = sources.map((path): Page & { sections: ReturnType<Renderer["render"]>["sections"] } => {
    const address = addressOf(path);
    const resolve = (href: string) => resolved(href, path, copied);
    return { address, source: path, ...renderer.render(textOf(path), resolve) };
  });
  for (const page of pages) {
    const scripts = page.address === reference ? ["assets/try.js"] : [];
    write(`${page.address || "index"}.html`, pageText({ ...page, scripts }, groups));
  }
  for (const path of sources) write(path, textOf(path));
  for (const path of copied) copy(path.startsWith("examples/") ? path : `docs/${path}`, join(out, path));
  write("llms.txt", llmsText(textOf("README.md")));
  write("search.json", searchIndex(pages));
  write("assets/calls.json", JSON.stringify(callsByHeading(slug)));
  await assets(out);
  const styles = ["frame", "text", "try"].map((name) =>
    readFileSync(join(import.meta.dirname, `styles/${name}.css`), "utf8"),
  );
  write("assets/style.css", [...styles, renderer.css()].join("\n"));
}

/** `copied` gets what a link leads to beside the pages. */
function resolved(href: string, from: string, copied: Set<string>): string {
  if (/^([a-z]+:|#)/.test(href)) return href;
  const [path = "", hash] = href.split("#");
  const target = posix.normalize(posix.join(posix.dirname(from), path));
  const anchor = hash === undefined ? "" : `#${hash}`;
  const address = addressOf(from);
  if (!existsSync(join(ROOT, "docs", target))) throw new Error(`docs/${from}: the link ${href} leads nowhere`);
  if (target.endsWith(".md") && !target.startsWith("../")) return linkFrom(address, addressOf(target)) + anchor;
  const kept = target.startsWith("../examples/") ? target.slice("../".length) : target;
  if (!/^(images|examples)\//.test(kept)) throw new Error(`docs/${from}: ${href} is not on the site`);
  copied.add(kept);
  return linkFrom(address, kept);
}

async function assets(out: string): Promise<void> {
  const here = import.meta.dirname;
  const bundle = await rolldown({ input: [join(here, "page.js"), join(here, "try.js")], platform: "browser" });
  await bundle.write({ dir: join(out, "assets"), format: "esm", minify: true, chunkFileNames: "[name].js" });
  await bundle.close();
  copy("src/web/public/icon.svg", join(out, "assets/icon.svg"));
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(join(ROOT, from), to);
}

if (import.meta.main) {
  const sources = ["docs", "examples", "scripts/site", "src/http", "src/domain", "src/web/public", "package-lock.json"];
  await buildOnce({ name: "the docs", dist: join(ROOT, "dist", "site"), sources, build: buildSite });
}
