// The command line in the process of a test: what a command prints, its exit code, and how its error is explained.
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { inject, vi } from "vitest";
import { explained } from "../../../src/cli/explain.ts";
import { makeProgram } from "../../../src/cli/program.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** `url`: the Baton that commands talk to; where it gives none, the arguments or the environment say. */
export function stage(url: () => string | undefined) {
  process.setMaxListeners(100);
  const folder = mkdtempSync(join(inject("scratchDir"), "cli-"));

  async function baton(...args: string[]): Promise<Ran> {
    let out = "";
    let code = 0;
    const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      out += text;
      return true;
    });
    const program = makeProgram((ended) => (code = ended)).configureOutput({ writeErr: () => {} });
    const at = url();
    try {
      await program.parseAsync(["node", "baton", ...(at === undefined ? [] : ["--url", at]), ...args]);
      return { code, out: stripVTControlCharacters(out), error: "" };
    } catch (error) {
      return { code: 2, out, error: explained(error) ?? String(error) };
    } finally {
      spy.mockRestore();
    }
  }
  return {
    baton,
    json: async (...args: string[]) => JSON.parse((await baton("--json", ...args)).out),
    /** Writes a file; gives its path. */
    fileOf(name: string, text: string): string {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },
    folder,
  };
}
