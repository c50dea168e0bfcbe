// `baton fake-service`: the demo's service alone, for posting examples by hand. Prints what arrives until it is stopped.
import { once } from "node:events";
import { parseArgs } from "node:util";
import { numberOf } from "../arguments.ts";
import { startFakeService } from "../fake-service.ts";
import { interruption } from "../interrupt.ts";

export const usage = "fake-service [--port <port>] [--speed <n>] [--token <token>]";

/** Runs the command; resolves with the exit code. */
export async function service(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string", default: "9000" },
      speed: { type: "string", default: "1" },
      token: { type: "string", default: process.env.AUTH_TOKEN },
    },
  });
  const interrupt = interruption();
  const fake = await startFakeService({
    port: numberOf("port", values.port, 0, 65_535),
    speed: numberOf("speed", values.speed, 0.01, 100),
    token: values.token,
    say: (line) => console.log(line),
  });
  console.log(`The fake service listens on ${fake.url}; Ctrl-C ends it.`);
  await once(interrupt, "abort");
  await fake.close();
  for (const line of fake.trouble) console.error(line);
  return 0;
}
