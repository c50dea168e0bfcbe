// HOST_URL: whether Baton answers there, since services report to it.
import { check, type Finding, reasonOf } from "./finding.ts";

const answerMs = 5_000;

export async function ofHost(hostUrl: string): Promise<Finding[]> {
  const what = "HOST_URL";
  try {
    const response = await fetch(`${hostUrl}/health`, { signal: AbortSignal.timeout(answerMs), redirect: "manual" });
    const said: unknown = await response.json().catch(() => undefined);
    const isBaton = typeof said === "object" && said !== null && "database" in said && "nats" in said;
    if (!isBaton) {
      const mend = "Services cannot report: let HOST_URL, or the proxy there, lead to a process with ROLES=api";
      return [{ what, state: "wrong", says: `something else answers at ${hostUrl} (HTTP ${response.status})`, mend }];
    }
  } catch (error) {
    const mend = "Services cannot report: start a process with ROLES=api, or mend HOST_URL";
    return [{ what, state: "wrong", says: `nothing answers at ${hostUrl}: ${reasonOf(error)}`, mend }];
  }
  const isLocal = /^(localhost|127\.|\[::1\])/.test(new URL(hostUrl).hostname);
  const mend = "Right where services run on this machine; others need a name of this machine in HOST_URL";
  return [
    check(
      what,
      `Baton answers at ${hostUrl}`,
      isLocal ? { says: `${hostUrl} is this machine alone`, mend } : undefined,
    ),
  ];
}
