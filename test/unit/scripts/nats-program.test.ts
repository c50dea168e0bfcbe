// Which nats-server is taken: the first that is new enough, of those that are there and those that can be fetched. Programs are
// scripts that say a version; the release archive comes from a server on this machine.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { isNewEnough as isNewEnoughForProcess, oldestServer } from "#bus/version";
import { fromRelease, isNewEnough, mirrorOf, natsServer, OLDEST, sourcesOf } from "../../../scripts/nats-program.mjs";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "nats-program-"));
  // No nats-server of this machine is on this PATH; the tools of the system are.
  const paths = (process.env.PATH ?? "").split(delimiter).filter((dir) => !has(dir, "nats-server"));
  vi.stubEnv("PATH", paths.join(delimiter));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});
const has = (dir: string, name: string) => {
  try {
    return readdirSync(dir).includes(name);
  } catch {
    return false;
  }
};

/** A program that says this version. */
function program(path: string, version: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  chmodSync(path, 0o755);
  return path;
}
const cached = () => join(home, "bin", "nats-server");
const fetching = (name: string, version: string) => ({
  ...{ name, tool: "sh" },
  fetch: async (scratch: string) => program(join(scratch, "nats-server"), version),
});
const failing = (name: string, why: string) => ({ name, tool: "sh", fetch: () => Promise.reject(new Error(why)) });
const find = (ways: readonly ReturnType<typeof fetching>[] = [], dirs: readonly string[] = []) => {
  const said: string[] = [];
  return natsServer((line) => said.push(line), { home, ways, dirs }).then((path) => ({ path, said }));
};

it.each([
  ["2.14.0", true],
  ["2.15.1", true],
  ["2.15.1-1", true],
  ["2.14.0-RC.1", true],
  ["3.0.0", true],
  ["2.100.0", true],
  ["2.13.9", false],
  ["2.9.10-1+b3", false],
  ["1.99.99", false],
  ["", false],
  ["nonsense", false],
])("the version %j is new enough: %s, for the scripts and for a process", (version, expected) => {
  expect([isNewEnough(version), isNewEnoughForProcess(version)]).toEqual([expected, expected]);
  expect(OLDEST).toBe(oldestServer);
});

describe("a program that is there", () => {
  it("on PATH is taken when it is new enough", async () => {
    const path = program(join(home, "path", "nats-server"), "2.14.0");
    vi.stubEnv("PATH", `${dirname(path)}${delimiter}${process.env.PATH}`);
    program(cached(), "2.15.1");
    expect(await find()).toEqual({ path, said: [] });
  });

  it("on PATH is passed over when it is too old, for the one that was fetched before", async () => {
    program(join(home, "old", "nats-server"), "2.9.10");
    program(cached(), "2.15.1");
    expect(await find([], [join(home, "old")])).toEqual({ path: cached(), said: [] });
  });

  it("was fetched before and is too old: is replaced, and it is said why", async () => {
    program(cached(), "2.10.27");
    const { path, said } = await find([fetching("somewhere", "2.15.1")]);
    expect(path).toBe(cached());
    expect(readFileSync(path, "utf8")).toContain("v2.15.1");
    expect(said).toEqual([`${cached()} is 2.10.27, which is older than ${OLDEST}; fetching one from somewhere ...`]);
    expect(readdirSync(home)).toEqual(["bin"]);
  });

  it("does not run: is passed over", async () => {
    program(cached(), "2.15.1");
    writeFileSync(cached(), "#!/bin/sh\nexit 3\n");
    expect((await find([fetching("somewhere", "2.15.1")])).said[0]).toContain("does not run");
  });
});

describe("fetching", () => {
  it("goes on to the next way when one fails or brings a program that is too old", async () => {
    const ways = [failing("a", "no network"), fetching("b", "2.10.0"), fetching("c", "2.14.5"), failing("d", "unused")];
    const { path, said } = await find(ways);
    expect(readFileSync(path, "utf8")).toContain("v2.14.5");
    expect(said.map((line) => /from (\w)/.exec(line)?.[1])).toEqual(["a", "b", "c"]);
    expect(said.map((line) => /no network|2\.10\.0/.exec(line)?.[0])).toEqual([undefined, "no network", "2.10.0"]);
  });

  it("skips ways whose tool is missing, and says at the end what was tried and what to do", async () => {
    program(cached(), "2.9.10");
    const ways = [failing("a", "no network"), { ...failing("b", "unused"), tool: "no-such-tool-here" }];
    const message = await find(ways).catch((error: Error) => error.message);
    expect(message).toContain(`No nats-server of version ${OLDEST} or newer`);
    expect(message).toContain("2.9.10");
    expect(message).toContain("a: no network");
    expect(message).not.toContain("unused");
    expect(message).toMatch(/brew install[\s\S]*NATS_URL/);
    expect(readdirSync(home)).toEqual(["bin"]);
  });
});

describe("Debian's newest suite", () => {
  it("comes from the system's own mirror and is checked by the system's keys", () => {
    const targets = [
      "https://packages.example/apt/ Example cloud main",
      "http://mirror.example/debian-security/ Debian-Security bookworm-security main",
      "http://mirror.example/debian/ Debian bookworm contrib",
      "http://mirror.example/debian/ Debian bookworm main",
    ].join("\n");
    expect(mirrorOf(targets)).toBe("http://mirror.example/debian/");
    expect(sourcesOf("http://mirror.example/debian/", "/keys/debian.gpg")).toBe(
      "Types: deb\nURIs: http://mirror.example/debian/\nSuites: sid\nComponents: main\nSigned-By: /keys/debian.gpg\n",
    );
  });

  it("is not looked for on another system", () => {
    expect(mirrorOf("http://mirror.example/ubuntu/ Ubuntu noble main\n")).toBeNull();
    expect(mirrorOf("")).toBeNull();
  });
});

describe("the release archive", () => {
  const kind = `${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  async function serve() {
    const name = `nats-server-v9.9.9-${kind}`;
    program(join(home, "made", name, "nats-server"), "9.9.9");
    execFileSync("tar", ["-czf", join(home, "a.tgz"), "-C", join(home, "made"), name]);
    const bytes = readFileSync(join(home, "a.tgz"));
    const asked: (string | undefined)[] = [];
    const server = createServer((request, answer) => {
      asked.push(request.url);
      answer.end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const from = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sum = createHash("sha256").update(bytes).digest("hex");
    const scratch = join(home, "scratch");
    mkdirSync(scratch);
    const take = (sha256: Record<string, string>) => fromRelease(scratch, { version: "9.9.9", from, sha256 });
    return { asked, sum, scratch, take };
  }

  it("is unpacked when its SHA-256 is the known one", async () => {
    const { asked, sum, take } = await serve();
    const path = await take({ [kind]: sum });
    expect(readFileSync(path, "utf8")).toContain("v9.9.9");
    expect(asked).toEqual([`/v9.9.9/nats-server-v9.9.9-${kind}.tar.gz`]);
  });

  it("is not unpacked when its SHA-256 is another, nor asked for where none is known", async () => {
    const { asked, sum, scratch, take } = await serve();
    await expect(take({ [kind]: "00" })).rejects.toThrow(`SHA-256 ${sum}, not 00`);
    await expect(take({})).rejects.toThrow(`no sum of the archive for ${kind}`);
    expect([asked.length, readdirSync(scratch)]).toEqual([1, []]);
  });
});

it("is explained in the README of the package as it is", () => {
  const readme = readFileSync(new URL("../../../packages/baton/README.md", import.meta.url), "utf8");
  expect(readme).toContain(`if it is ${OLDEST.replace(/\.0$/, "")} or newer`);
  for (const named of ["`PATH`", "`.baton/bin/nats-server`", "`NATS_URL`", "Homebrew", "SHA-256", ":8085/docs"])
    expect(readme).toContain(named);
});
