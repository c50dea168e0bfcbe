// What a screen tells the frame round it: its crumbs, the title of the tab, and the state that the icon of the tab carries.
import { type ReactNode, useEffect } from "react";
import { makeStore, useStore } from "../data/store.ts";

export interface Crumb {
  readonly text: string;
  readonly link?: ReactNode;
}

export type Signal = "calm" | "running" | "failed";

const crumbs = makeStore<readonly Crumb[]>([]);

/** Call once in each screen. */
export function usePage(path: readonly Crumb[], signal: Signal = "calm"): void {
  const title = path.map(({ text }) => text).join(" / ");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the texts stand for the links beside them.
  useEffect(() => {
    crumbs.set(path);
    document.title = `${path.at(-1)?.text ?? "Baton"} · Baton`;
  }, [title]);
  useEffect(() => {
    const icon = document.getElementById("favicon") as HTMLLinkElement | null;
    if (!icon) return;
    const name = signal === "calm" ? "icon" : `icon-${signal}`;
    icon.href = icon.href.replace(/icon[a-z-]*\.svg$/, `${name}.svg`);
  }, [signal]);
}

export const Crumbs = () => (
  <nav aria-label="Where you are" style={{ flex: 1, minWidth: 0 }}>
    <ol className="crumbs">
      {useStore(crumbs).map(({ text, link }, i, all) => (
        <li key={text}>
          {link ?? <span>{text}</span>}
          {i < all.length - 1 && (
            <span className="faint" aria-hidden="true">
              /
            </span>
          )}
        </li>
      ))}
    </ol>
  </nav>
);
