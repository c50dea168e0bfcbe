// The frame round every screen, and what all of them share: who looks, whether the stream is live, how times are written.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { Moon, Search, Sun, SunMoon } from "lucide-react";
import { lazy, Suspense, useEffect } from "react";
import { followed, gaps, liveState } from "../data/live/live.ts";
import { type TimeMode, theme, timeMode } from "../data/prefs.ts";
import { baton, whoami } from "../data/session.ts";
import { useStore } from "../data/store.ts";
import { Toasts } from "../parts/toast.tsx";
import { useKeys } from "./keys.ts";
import { Nav, PhoneNav } from "./nav.tsx";
import { Crumbs } from "./page.tsx";
import { openPalette, paletteText } from "./palette-state.ts";
import { TokenPrompt } from "./token.tsx";

const loadPalette = () => import("./palette.tsx").then(({ Palette }) => ({ default: Palette }));
const Palette = lazy(loadPalette);

export function Shell() {
  const who = useStore(whoami);
  useKeys();
  useIdentity();
  useGaps();
  // It is there when somebody wants it, and costs the first screen nothing; where the API is away, it is asked for again then.
  useEffect(() => {
    const timer = setTimeout(() => void loadPalette().catch(() => {}), 2_000);
    return () => clearTimeout(timer);
  }, []);
  const isPaletteWanted = useStore(paletteText) !== undefined;
  if (who === null) return <TokenPrompt />;
  return (
    <>
      <a className="skip btn" href="#main">
        Skip to the content
      </a>
      <div className="app">
        <Nav foot={<Foot />} />
        <div className="main">
          <Top />
          <main className="page" id="main" tabIndex={-1}>
            <Outlet />
          </main>
        </div>
        <PhoneNav />
      </div>
      <Toasts />
      {isPaletteWanted && (
        <Suspense>
          <Palette />
        </Suspense>
      )}
    </>
  );
}

function useIdentity(): void {
  const { data } = useQuery({
    queryKey: ["whoami"],
    queryFn: () => baton().whoami(),
    staleTime: Number.POSITIVE_INFINITY,
  });
  useEffect(() => {
    if (data) whoami.set(data);
  }, [data]);
}

/** Where events may have been missed, what is on the screen is asked for again. */
function useGaps(): void {
  const queries = useQueryClient();
  const gap = useStore(gaps);
  useEffect(() => {
    if (gap > 0) void queries.invalidateQueries({ predicate: ({ queryKey: [first] }) => first !== "whoami" });
  }, [gap, queries]);
}

const liveWords = {
  ...{ connecting: "Connecting", live: "Live", lost: "Reconnecting", refused: "Not live" },
} as const;
const liveColours = {
  ...{ connecting: "var(--waiting)", live: "var(--success)", lost: "var(--retrying)", refused: "var(--failure)" },
} as const;

function Top() {
  const live = useStore(liveState);
  const isFollowing = useStore(followed) > 0;
  return (
    <header className="top">
      <Crumbs />
      <button type="button" className="find" onClick={() => openPalette("")}>
        <Search size={15} aria-hidden="true" />
        Search or jump to
        <kbd>Ctrl K</kbd>
      </button>
      {isFollowing && (
        <span className="live" style={{ "--c": liveColours[live] } as never} role="status">
          {liveWords[live]}
        </span>
      )}
      <TimeSwitch />
    </header>
  );
}

const modes: readonly (readonly [TimeMode, string, string])[] = [
  ["local", "Local", "Times as on your clock"],
  ["utc", "UTC", "Times in UTC"],
  ["ago", "Ago", "How long ago"],
];

function TimeSwitch() {
  const mode = useStore(timeMode);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a layout of its own.
    <span className="seg hide-phone" role="group" aria-label="How times are written">
      {modes.map(([id, text, title]) => (
        <button key={id} type="button" title={title} aria-pressed={mode === id} onClick={() => timeMode.set(id)}>
          {text}
        </button>
      ))}
    </span>
  );
}

function Foot() {
  const who = useStore(whoami);
  const now = useStore(theme);
  const next = now === "system" ? "light" : now === "light" ? "dark" : "system";
  const Icon = now === "system" ? SunMoon : now === "light" ? Sun : Moon;
  return (
    <>
      <button type="button" className="item" onClick={() => theme.set(next)} title={`Theme: ${now}. Change to ${next}`}>
        <Icon size={16} aria-hidden="true" />
        <span>Theme: {now}</span>
      </button>
      <div className="item" title="Who you are, and what you may do">
        <span className="cut">{who ? `${who.actor}, ${who.role}` : ""}</span>
      </div>
    </>
  );
}
