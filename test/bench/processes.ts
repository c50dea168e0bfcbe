// Owns the benchmark's own child processes: starts them with an IPC channel, waits for what they tell, ends them by pid.
// Each ends by itself when this process is gone.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { within } from "#test/until";
import { runLimitMs, startLimitMs } from "./limits.ts";
import type { Received, ReceiverTell } from "./messages.ts";

export interface Part {
  readonly child: ChildProcess;
  send(message: object): void;
  /** The next message for which `pick` gives something. Rejects when the process ends, or after `limitMs`. */
  hear<M, T>(pick: (message: M) => T | undefined, limitMs: number, what: string): Promise<T>;
  end(): Promise<void>;
}

/** Starts a file of this directory. */
export function startPart(file: string): Part {
  const child = fork(join(import.meta.dirname, file), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  return {
    child,
    send: (message) => void child.send(message),
    hear: <M, T>(pick: (message: M) => T | undefined, limitMs: number, what: string) => {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const onMessage = (message: unknown) => {
        const picked = pick(message as M);
        if (picked !== undefined) resolve(picked);
      };
      const onExit = () => reject(new Error(`${file} ended`));
      child.on("message", onMessage).on("exit", onExit);
      return within(() => promise, limitMs, what).finally(() => {
        child.off("message", onMessage).off("exit", onExit);
      });
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

export interface Receiver {
  readonly url: string;
  readonly pid: number;
  /** Runs `go` and resolves with what was received once `lives` reports were answered, and how long that took. */
  measure(lives: number, go: () => Promise<unknown>): Promise<Received & { readonly ms: number }>;
  end(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const part = startPart("receiver.ts");
  const url = await part.hear(
    (m: ReceiverTell) => ("url" in m ? m.url : undefined),
    startLimitMs,
    "starting the receiver",
  );
  const sofar = async () => {
    const heard = part.hear((m: ReceiverTell) => ("sofar" in m ? m.sofar : undefined), 5000, "asking the receiver");
    part.send({ sofar: true });
    return heard;
  };
  return {
    url,
    pid: part.child.pid as number,
    async measure(lives, go) {
      const expecting = part.hear(
        (m: ReceiverTell) => ("expecting" in m ? true : undefined),
        5000,
        "telling the receiver",
      );
      part.send({ expect: lives });
      await expecting;
      const done = part.hear((m: ReceiverTell) => ("done" in m ? m.done : undefined), runLimitMs, "the run");
      const began = performance.now();
      const [received] = await Promise.all([done, go()]).catch(async (error: Error) => {
        throw new Error(`${error.message}; so far: ${JSON.stringify(await sofar())}`);
      });
      return { ...received, ms: performance.now() - began };
    },
    end: part.end,
  };
}
