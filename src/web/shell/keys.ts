// Keys that work on every screen, off while somebody types. `g` and a letter go somewhere.
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { timeMode } from "../data/prefs.ts";
import { openPalette, paletteText } from "./palette-state.ts";

const goTo = {
  ...{ o: "/", b: "/batches", t: "/tasks", l: "/limits", s: "/schedules" },
  ...{ r: "/receivers", d: "/deliveries", k: "/bulk", w: "/workers", m: "/dead-letters", p: "/playground" },
} as const;

export const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable);

export function useKeys(): void {
  const navigate = useNavigate();
  useEffect(() => {
    let goes = 0;
    const onKey = (event: KeyboardEvent) => {
      const { key, ctrlKey, metaKey, altKey, target } = event;
      if (key.toLowerCase() === "k" && (ctrlKey || metaKey)) {
        event.preventDefault();
        return openPalette("");
      }
      if (ctrlKey || metaKey || altKey || isTyping(target)) return;
      const opening = paletteText.get();
      // It is being loaded: what is typed meanwhile is meant for it.
      if (opening !== undefined) {
        if (key.length !== 1) return;
        // Else a field that gets the focus in this moment would take it once more.
        event.preventDefault();
        return openPalette(opening + key);
      }
      const to = performance.now() - goes < 1_200 ? goTo[key as keyof typeof goTo] : undefined;
      goes = key === "g" ? performance.now() : 0;
      if (to !== undefined) void navigate({ to });
      else if (key === "?") openPalette(">");
      else if (key === "u") timeMode.set(timeMode.get() === "utc" ? "local" : "utc");
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [navigate]);
}
