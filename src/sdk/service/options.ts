// Options of `handler` and `worker` are checked when they are given: with a secret that is none, every call would be refused, and with an
// address that is none every report would be lost. An error names the option and what is allowed, and shows no secret.
import { isSecret } from "../verify.ts";

type Secrets = string | readonly string[];

/** As in Baton's WEBHOOK_SIGNING_SECRET, which has the same form. `without`: what to give where there is none. */
export function checkSecrets(secrets: Secrets, without: string): void {
  const allowed = `whsec_<base64>, as in Baton's WEBHOOK_SIGNING_SECRET, or a list of these; ${without}`;
  const given: readonly unknown[] = Array.isArray(secrets) ? secrets : [secrets];
  if (given.length === 0) throw new TypeError(`secrets: the list is empty; give ${allowed}`);
  for (const [i, secret] of given.entries()) {
    if (typeof secret === "string" && isSecret(secret)) continue;
    const which = given.length === 1 ? "" : `entry ${i + 1} of ${given.length} `;
    throw new TypeError(`secrets: ${which}${faultOf(secret)}; give ${allowed}`);
  }
}

function faultOf(secret: unknown): string {
  if (typeof secret !== "string")
    return `is ${secret === undefined || secret === null ? secret : `a ${typeof secret}`}`;
  if (secret === "") return "is empty";
  return secret.startsWith("whsec_") ? "has no base64 behind whsec_" : "does not begin with whsec_";
}

/** As Baton's HOST_URL. */
export function checkBaton(baton: string): void {
  const url = typeof baton === "string" && URL.canParse(baton) ? new URL(baton) : undefined;
  const fault =
    url === undefined || !/^https?:\/\/./i.test(baton)
      ? "is no http or https URL"
      : url.username || url.password
        ? "has a user or password in it"
        : url.search || url.hash
          ? "has a query or fragment"
          : undefined;
  if (fault === undefined) return;
  // What stands before an @ may be a password.
  const shown = typeof baton === "string" ? ` "${baton.replace(/.*@/s, "…@").slice(0, 200)}"` : "";
  throw new TypeError(
    `baton:${shown} ${fault}; give the address of Baton, as in its HOST_URL, such as "http://127.0.0.1:8085"`,
  );
}
