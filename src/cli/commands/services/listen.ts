// `baton listen`: a pretend service for a real Baton. Prints each call, checks its signature, does what the body says for a while, and reports
// back; a share of the work fails on purpose.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { handler } from "../../../sdk/service/handler.ts";
import { numberOf } from "../../arguments.ts";
import { exits, type Settings } from "../../context.ts";
import { interruption } from "../../interrupt.ts";

export interface ListenOptions extends Settings {
  readonly port: string;
  readonly secret?: string;
  /** The share of works that fails, 0 to 1. */
  readonly fail: string;
}

interface Wanted {
  readonly work_ms?: number;
  readonly fail?: string;
}

export async function listen({ url, token, ...options }: ListenOptions): Promise<number> {
  const share = numberOf("fail", options.fail, 0, 1);
  const say = (line: string) => process.stdout.write(`${new Date().toISOString().slice(11, 23)}  ${line}\n`);
  const service = handler(
    {
      secrets: options.secret?.split(",") ?? null,
      baton: url,
      ...(token === undefined ? {} : { token }),
      onNotice: ({ trigger, key, body, baton }) =>
        say(`${trigger.padEnd(8)} ${key} ${JSON.stringify({ ...(body ?? {}), baton })}`),
      onError: (error, { key }) => say(`error    ${key} ${error instanceof Error ? error.message : String(error)}`),
    },
    async (task) => {
      say(`start    ${task.key} ${task.path} ${JSON.stringify(task.body ?? null)}`);
      const { work_ms = 100, fail } = (task.body ?? {}) as Wanted;
      await sleep(work_ms, undefined, { signal: task.signal });
      if (fail !== undefined || Math.random() < share) throw new Error(fail ?? "failed on purpose");
      say(`done     ${task.key}`);
    },
  );
  const server = createServer(async (request, response) => {
    await service.node(request, response);
    if (response.statusCode >= 400) say(`refused  ${request.method} ${request.url} ${response.statusCode}`);
  });
  server.listen(numberOf("port", options.port, 0, 65_535), "127.0.0.1");
  await once(server, "listening");
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const checks =
    options.secret === undefined ? "believes every call (--secret checks signatures)" : "checks signatures";
  process.stdout.write(`listens at ${at}, ${checks}; reports to ${url}; Ctrl-C ends it\n`);
  await once(interruption(), "abort");
  await service.close(1_000);
  server.close();
  return exits.success;
}
