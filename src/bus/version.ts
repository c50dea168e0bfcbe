// Which NATS servers Baton works with. Older ones lose or pass over messages after a crash and say nothing, so they are refused.

export const oldestServer = "2.14.0";

/** What the server says of itself in its greeting: "2.15.1", "2.14.0-RC.1". */
export function isNewEnough(version: string): boolean {
  const [have = [], need = []] = [version, oldestServer].map((text) =>
    text
      .split(/[^\d.]/, 1)[0]
      ?.split(".")
      .map(Number),
  );
  const first = need.findIndex((part, n) => part !== have[n]);
  return first < 0 || (have[first] ?? 0) > (need[first] ?? 0);
}
