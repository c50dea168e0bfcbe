// Mouse, pen and touch on the graph: one finger pans, two zoom, a click selects, a double click opens, the wheel zooms.
import { type RefObject, useEffect, useRef, useState } from "react";
import type { GraphView } from "./draw/view.ts";

interface Acts {
  readonly onSelect: (place: number) => void;
  readonly onOpen: (place: number) => void;
}
export interface Tip {
  readonly place: number;
  readonly x: number;
  readonly y: number;
}

const clickSlack = 5;

export function usePointer(
  stage: RefObject<HTMLElement | null>,
  view: GraphView | undefined,
  acts: Acts,
): Tip | undefined {
  const [tip, setTip] = useState<Tip>();
  const latest = useRef(acts);
  useEffect(() => {
    latest.current = acts;
  });
  useEffect(() => {
    const element = stage.current;
    if (!element || !view) return;
    const stop = new AbortController();
    const on = <K extends keyof HTMLElementEventMap>(name: K, act: (event: HTMLElementEventMap[K]) => void) =>
      element.addEventListener(name, act, { signal: stop.signal, passive: false });
    const at = (event: MouseEvent) => {
      const { left, top } = element.getBoundingClientRect();
      return { x: event.clientX - left, y: event.clientY - top };
    };
    follow(on, at, view, latest, setTip);
    return () => stop.abort();
  }, [stage, view]);
  return tip;
}

type On = <K extends keyof HTMLElementEventMap>(name: K, act: (event: HTMLElementEventMap[K]) => void) => void;
type At = (event: MouseEvent) => { readonly x: number; readonly y: number };

function follow(on: On, at: At, view: GraphView, acts: RefObject<Acts>, setTip: (tip: Tip | undefined) => void): void {
  const down = new Map<number, { x: number; y: number }>();
  let moved = 0;
  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    down.set(event.pointerId, at(event));
    moved = 0;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
  });
  on("pointermove", (event) => {
    const now = at(event);
    const before = down.get(event.pointerId);
    if (!before) {
      const place = event.pointerType === "mouse" ? view.taskAt(now.x, now.y) : -1;
      return setTip(place < 0 ? undefined : { place, x: now.x + 12, y: now.y + 14 });
    }
    setTip(undefined);
    moved += Math.hypot(now.x - before.x, now.y - before.y);
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const [was, is] = [
        Math.hypot(before.x - other.x, before.y - other.y),
        Math.hypot(now.x - other.x, now.y - other.y),
      ];
      view.zoomBy(is / Math.max(1, was), (now.x + other.x) / 2, (now.y + other.y) / 2);
    } else if (moved > clickSlack) view.pan(now.x - before.x, now.y - before.y);
    down.set(event.pointerId, now);
  });
  const up = (event: PointerEvent) => {
    const isClick = down.delete(event.pointerId) && moved <= clickSlack && event.type === "pointerup";
    if (!isClick) return;
    const { x, y } = at(event);
    if (!view.jump(x, y)) acts.current?.onSelect(view.taskAt(x, y));
  };
  on("pointerup", up);
  on("pointercancel", up);
  on("pointerleave", () => setTip(undefined));
  on("dblclick", (event) => {
    const { x, y } = at(event);
    const place = view.taskAt(x, y);
    if (place >= 0) acts.current?.onOpen(place);
  });
  on("wheel", (event) => {
    event.preventDefault();
    const { x, y } = at(event);
    setTip(undefined);
    if (event.shiftKey) view.pan(-event.deltaY, 0);
    else view.zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), x, y);
  });
}
