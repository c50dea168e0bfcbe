// CPU time by role, from /proc (Linux; elsewhere nothing is said). A server's own children (Postgres has a process for each
// connection) count with it, also those that have ended.
import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = 100; // USER_HZ on every Linux that Node runs on

export type CpuSeconds = Readonly<Record<string, number>>;

/** CPU seconds used so far by the processes of each role. */
export function cpuSeconds(pids: Readonly<Record<string, readonly number[]>>): CpuSeconds {
  const all = readAll();
  const sums = Object.entries(pids).map(([role, roots]) => {
    const ticks = roots.flatMap((root) => [
      (all.get(root)?.own ?? 0) + (all.get(root)?.ended ?? 0),
      ...all
        .values()
        .filter(({ parent }) => parent === root)
        .map(({ own }) => own),
    ]);
    return [role, ticks.reduce((sum, n) => sum + n, 0) / ticksPerSecond] as const;
  });
  return Object.fromEntries(sums.filter(([, used]) => used > 0));
}

/** Microseconds of CPU that each role spent on one life. */
export const perLife = (before: CpuSeconds, after: CpuSeconds, lives: number): Record<string, number> =>
  Object.fromEntries(
    Object.entries(after).map(([role, used]) => [role, Math.round(((used - (before[role] ?? 0)) / lives) * 1e6)]),
  );

interface Usage {
  readonly parent: number;
  readonly own: number;
  readonly ended: number;
}

function readAll(): Map<number, Usage> {
  const usages = new Map<number, Usage>();
  if (process.platform !== "linux") return usages;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      // After the name, which may hold anything: state, parent, ..., utime, stime, and those of ended children.
      const fields = text
        .slice(text.lastIndexOf(")") + 2)
        .split(" ")
        .map(Number);
      const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [1, 11, 12, 13, 14].map(
        (i) => fields[i],
      );
      usages.set(Number(name), { parent, own: user + system, ended: endedUser + endedSystem });
    } catch {
      // It ended while we looked.
    }
  }
  return usages;
}
