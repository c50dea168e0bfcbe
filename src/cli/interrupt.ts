// Ctrl-C and its like: the first asks for an orderly end, one that comes more than a second later ends the process at once.
// (A signal to the whole terminal and the same one passed on by npm's script arrive as two.)
const sameWithinMs = 1000;

/** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  let firstMs = 0;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (!controller.signal.aborted) {
        firstMs = performance.now();
        controller.abort();
      } else if (performance.now() - firstMs > sameWithinMs) process.exit(130);
    });
  }
  return controller.signal;
}
