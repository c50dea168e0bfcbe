// What came of an act, said once at the corner, with a link to where it can be seen.
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { makeStore, useStore } from "../data/store.ts";

interface Toast {
  readonly id: number;
  readonly said: ReactNode;
  readonly isBad: boolean;
}

const toasts = makeStore<readonly Toast[]>([]);
let nextId = 1;
const shownMs = 8_000;

const drop = (id: number) => toasts.set(toasts.get().filter((toast) => toast.id !== id));

export function say(said: ReactNode, isBad = false): void {
  const id = nextId++;
  toasts.set([...toasts.get().slice(-3), { id, said, isBad }]);
  if (!isBad) setTimeout(() => drop(id), shownMs);
}

export function Toasts() {
  return (
    <div className="toasts" role="status" aria-live="polite">
      {useStore(toasts).map(({ id, said, isBad }) => (
        <div key={id} className={isBad ? "toast bad" : "toast"}>
          <span className="grow">{said}</span>
          <button type="button" className="btn plain" aria-label="Close this message" onClick={() => drop(id)}>
            <X size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}
