// `baton fake-service`: the demo's service alone, for posting examples by hand. Prints what arrives until it is stopped.
import { once } from "node:events";
import { numberOf } from "../../arguments.ts";
import type { Settings } from "../../context.ts";
import { startFakeService } from "../../fake-service.ts";
import { interruption } from "../../interrupt.ts";

export interface ServiceOptions extends Settings {
  readonly port: string;
  readonly speed: string;
}

/** Runs the command; resolves with the exit code. */
export async function service(values: ServiceOptions): Promise<number> {
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
