// `baton doctor`: looks at what most often keeps tasks from running, and says how to mend each. Exit code 0: all is well.
import { contextOf, exits, type Settings } from "../context.ts";
import { ofBaton } from "../doctor/baton.ts";
import { ofEnvironment } from "../doctor/environment.ts";
import { columns } from "../screen/columns.ts";

const styles = { ok: "green", warning: "yellow", wrong: "red", unseen: "dim" } as const;

export async function doctor(settings: Settings): Promise<number> {
  const context = contextOf(settings);
  const { terminal } = context;
  const found = await Promise.all([
    ofBaton(context.baton.with({ retries: 0, timeoutMs: 10_000 })),
    ofEnvironment(process.env),
  ]);
  const findings = found.flat();
  context.show(findings, () => {
    const rows = findings.map(({ what, state, says }) => [state, what, says]);
    const mends = findings.flatMap(({ what, says, state, mend }) => (mend ? [{ what, says, state, mend }] : []));
    return [
      ...columns(["", "WHAT", ""], rows, terminal, (text, row, column) =>
        column === 0 ? terminal.paint(styles[findings[row]?.state ?? "ok"], text) : text,
      ),
      ...(mends.length > 0 ? [""] : []),
      ...mends.map(({ what, mend }) => `${what}: ${mend}`),
    ];
  });
  return findings.some(({ state }) => state === "wrong") ? exits.failure : exits.success;
}
