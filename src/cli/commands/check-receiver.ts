// `baton check-receiver`: makes the calls to a service that Baton makes, and those that somebody else might make, and says what the service
// does with each. The exit code is the verdict.
import { isSecret } from "../../sdk/verify.ts";
import { jsonOf, Mistake, numberOf, urlOf } from "../arguments.ts";
import { exits, type Settings } from "../context.ts";
import type { Finding } from "../doctor/finding.ts";
import { checks } from "../receiver/checks.ts";
import { pretendBaton } from "../receiver/pretend.ts";
import { findingLine, mendLine } from "../screen/findings.ts";
import { openTerminal } from "../screen/terminal.ts";

export interface CheckOptions extends Pick<Settings, "json"> {
  readonly secret?: string;
  readonly unsigned?: boolean;
  readonly body: string;
  readonly cancelUrl?: string;
  readonly handles?: string;
  readonly host: string;
  readonly port: string;
  readonly wait: string;
}

export async function checkReceiver(url: string, options: CheckOptions): Promise<number> {
  const receiver = urlOf("url", url);
  const body = jsonOf("--body", options.body);
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new Mistake("--body takes an object, as actions do");
  const waitMs = numberOf("wait", options.wait, 0.1, 3_600) * 1000;
  const secret = secretOf(options);
  const baton = await pretendBaton(options.host, numberOf("port", options.port, 0, 65_535));
  const terminal = openTerminal(process.stdout, true);
  const findings: Finding[] = [];
  try {
    const handles = options.handles === undefined ? baton.url : urlOf("handles", options.handles).replace(/\/+$/, "");
    const cancelUrl = options.cancelUrl === undefined ? receiver : urlOf("cancel-url", options.cancelUrl);
    const subject = { url: receiver, cancelUrl, handles, secret, waitMs, baton, body: JSON.stringify(body) };
    for await (const finding of checks(subject)) {
      if (findings.length === 0 && /no answer: (ECONNREFUSED|ENOTFOUND|EAI_AGAIN)/.test(finding.says))
        throw new Mistake(
          `${new URL(receiver).origin} does not answer (${finding.says})\nTry: start the service, or baton listen for a pretend one`,
        );
      findings.push(finding);
      if (options.json) continue;
      terminal.print(findingLine(finding, terminal));
      for (const line of mendLine(finding, terminal)) terminal.print(line);
    }
  } finally {
    baton.close();
  }
  if (options.json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  const count = (state: Finding["state"]) => findings.filter((one) => one.state === state).length;
  const wrong = count("wrong");
  if (!options.json)
    terminal.print(`${wrong} wrong, ${count("warning")} warnings, ${count("ok")} ok, ${count("unseen")} not seen`);
  return wrong > 0 ? exits.failure : exits.success;
}

function secretOf({ secret, unsigned }: CheckOptions): string | null {
  const [first] = (secret ?? process.env.WEBHOOK_SIGNING_SECRET ?? "").split(",");
  if (unsigned) return null;
  if (!first)
    throw new Mistake(
      "calls are signed: give the secret of the service\nTry: --secret whsec_…, WEBHOOK_SIGNING_SECRET, or --unsigned",
    );
  if (!isSecret(first)) throw new Mistake("--secret takes whsec_ and base64, as WEBHOOK_SIGNING_SECRET does");
  return first;
}
