// Owns which programs the command line runs in its own process. They are files of their own in the package, too, so it names their
// places and imports nothing of them.

/** Runs until it is stopped: it ends the process by itself. */
export const programs = {
  /** One process of Baton, in the roles of ROLES. */
  serve: new URL("../main.ts", import.meta.url),
  /** Everything on this machine. */
  dev: new URL("../../scripts/start.mjs", import.meta.url),
} as const satisfies Record<string, URL>;
