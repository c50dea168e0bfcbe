// How a command that the parser found is run: with the options of the program beside its own, and with the Baton that they mean.
import type { Command } from "commander";
import { connectionOf, readProfiles } from "../profiles.ts";

type Run = (args: readonly string[], options: never) => Promise<number>;

/** Makes actions of commands. */
export interface Runs {
  /** Of one that talks to Baton: `url` and `token` are those that the options, the environment or a profile say. */
  (run: Run): (...all: unknown[]) => Promise<void>;
  /** Of one that does not: neither the environment nor the file of profiles is looked at for it. */
  readonly alone: (run: Run) => (...all: unknown[]) => Promise<void>;
}

/** `end` takes the exit code. */
export function runsFor(end: (code: number) => void): Runs {
  const alone =
    (run: Run) =>
    async (...all: unknown[]): Promise<void> => {
      const command = all.at(-1) as Command;
      end(await run(command.processedArgs as string[], command.optsWithGlobals() as never));
    };
  const runs = (run: Run) =>
    alone((args, options: Record<string, unknown>) => {
      const connection = connectionOf(options);
      if (connection.profile !== undefined) warnOfOpenFile();
      return run(args, { ...options, ...connection } as never);
    });
  return Object.assign(runs, { alone });
}

function warnOfOpenFile(): void {
  const file = readProfiles();
  if (file?.isOpen)
    process.stderr.write(`${file.path} holds a token, and others can read it: chmod 600 ${file.path}\n`);
}

/** A required argument is there: the parser saw to it. */
export const given = (text: string | undefined): string => text ?? "";
