// Brings the programs of other people that tests run, from the packages of the system, where they are not there.
import { spawnSync } from "node:child_process";

/** On a loaded machine, with lists of packages to fetch. */
export const bringLimitMs = 180_000;

/** Names of programs that are packages of the same name in Debian and Ubuntu. Fails, saying what to do, where it may not install. */
export function bring(...names: readonly string[]): void {
  const missing = names.filter((name) => spawnSync(name, ["--version"]).error !== undefined);
  if (missing.length === 0) return;
  const said: string[] = [];
  for (const args of [["update"], ["install", "--no-install-recommends", ...missing]]) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const { status, error, stderr } = spawnSync("apt-get", ["-q", "-y", ...args], { encoding: "utf8", env });
    if (status === 0) continue;
    said.push(String(error ?? stderr));
    break;
  }
  if (said.length > 0)
    throw new Error(`these tests run ${missing.join(" and ")}, which could not be installed: ${said.join("\n")}`);
}
