// The works that run in this process, by task and attempt: how they are canceled, also before they have begun, and how all of them end.
import { Over } from "./running.ts";

interface Running {
  readonly done: Promise<unknown>;
  stop(reason: Error): void;
}

/** A start comes within moments of the cancel that overtook it. */
const canceledMax = 10_000;

export function openWorks() {
  const works = new Map<string, Running>();
  const canceled = new Set<string>();
  let isClosing = false;
  return {
    get size() {
      return works.size;
    },
    get isClosing() {
      return isClosing;
    },
    has: (name: string) => works.has(name),
    isCanceled: (name: string) => canceled.has(name),
    begin(name: string, running: Running) {
      works.set(name, running);
      running.done.then(() => works.delete(name));
    },
    cancel(name: string) {
      const running = works.get(name);
      if (running) return running.stop(new Over("the task was canceled"));
      canceled.add(name);
      for (const oldest of canceled) {
        if (canceled.size <= canceledMax) return;
        canceled.delete(oldest);
      }
    },
    async close(graceMs: number) {
      isClosing = true;
      const all = Promise.all([...works.values()].map(({ done }) => done));
      const timer = setTimeout(() => {
        for (const one of works.values()) one.stop(new Error("the service is closing"));
      }, graceMs);
      await all;
      clearTimeout(timer);
    },
  };
}
