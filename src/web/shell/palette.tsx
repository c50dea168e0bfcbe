// The palette: goes anywhere, finds tasks and batches by id, name or scope, and changes how the console looks. `>` leaves the
// search out and lists the ways.
import { Dialog } from "@base-ui/react/dialog";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { CornerDownLeft, MoonStar, Timer } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useDeferredValue, useState } from "react";
import type { Found } from "../../sdk/client.ts";
import { theme, timeMode } from "../data/prefs.ts";
import { baton } from "../data/session.ts";
import { shapeOfBatch } from "../data/states.ts";
import { useStore } from "../data/store.ts";
import { Shape } from "../parts/state.tsx";
import { ways } from "./nav.tsx";
import { closePalette, paletteText } from "./palette-state.ts";

interface Choice {
  readonly id: string;
  readonly icon: ReactNode;
  readonly text: string;
  readonly more: string;
  readonly run: () => void;
}

export function Palette() {
  const text = useStore(paletteText);
  return (
    <Dialog.Root open={text !== undefined} onOpenChange={(open) => open || closePalette()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog palette" aria-label="Search or jump to">
          {text !== undefined && <Chooser text={text} />}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** The text lies in the store, where also goes what is typed before the field has the focus. */
function Chooser({ text }: { readonly text: string }) {
  const [at, setAt] = useState(0);
  const choices = useChoices(text);
  const place = Math.min(at, choices.length - 1);
  const run = (choice: Choice | undefined) => {
    if (!choice) return;
    closePalette();
    choice.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      setAt((place + step + choices.length) % Math.max(1, choices.length));
    }
    if (event.key === "Enter") run(choices[place]);
  };
  return (
    <>
      <input
        value={text}
        onChange={(event) => {
          paletteText.set(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        placeholder="An id, the beginning of a name, a scope, or a screen"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={choices[place] ? `palette-${place}` : undefined}
        aria-label="Search or jump to"
        // biome-ignore lint/a11y/noAutofocus: the palette is opened to type.
        autoFocus
      />
      <div id="palette-list" className="choices" role="listbox" aria-label="Results">
        {choices.map((choice, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field keeps the focus and takes the keys.
          <div
            key={choice.id}
            id={`palette-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === place}
            onClick={() => run(choice)}
            onPointerMove={() => setAt(i)}
          >
            {choice.icon}
            <span className="cut grow">{choice.text}</span>
            <span className="faint">{choice.more}</span>
            {i === place && <CornerDownLeft size={13} aria-hidden="true" className="faint" />}
          </div>
        ))}
      </div>
      {choices.length === 0 && <p className="empty">Nothing has this id, name or scope.</p>}
    </>
  );
}

const cycle = <T,>(values: readonly T[], now: T): T => values[(values.indexOf(now) + 1) % values.length] as T;

function useChoices(text: string): readonly Choice[] {
  const navigate = useNavigate();
  const wanted = useDeferredValue(text.replace(/^>/, "").trim());
  const isSearch = wanted.length > 0 && !text.startsWith(">");
  const found = useQuery({
    ...{ queryKey: ["search", wanted], enabled: isSearch, staleTime: 5_000 },
    queryFn: () => baton().search(wanted),
  });
  const is = (name: string) => name.toLowerCase().includes(wanted.toLowerCase());
  const screens = ways
    .flatMap(({ items }) => items)
    .filter(({ text: name }) => is(name))
    .map(({ to, text: name, icon: Icon }) => ({
      ...{ id: to, icon: <Icon size={16} aria-hidden="true" />, text: name, more: "screen" },
      run: () => void navigate({ to }),
    }));
  const switches: Choice[] = [
    {
      ...{ id: "theme", icon: <MoonStar size={16} aria-hidden="true" />, text: "Change the theme", more: theme.get() },
      run: () => theme.set(cycle(["system", "light", "dark"], theme.get())),
    },
    {
      ...{
        id: "time",
        icon: <Timer size={16} aria-hidden="true" />,
        text: "Change how times are written",
        more: timeMode.get(),
      },
      run: () => timeMode.set(cycle(["local", "utc", "ago"], timeMode.get())),
    },
  ].filter((choice) => is(choice.text));
  const hits = (isSearch ? (found.data ?? []) : []).map((one) => choiceOf(one, navigate));
  return [...hits, ...screens, ...switches];
}

function choiceOf({ type, id, label, status }: Found, navigate: ReturnType<typeof useNavigate>): Choice {
  const state = type === "batch" ? shapeOfBatch[status as keyof typeof shapeOfBatch] : (status as never);
  const params = { id, tab: undefined };
  return {
    ...{
      id: `${type} ${id}`,
      icon: <Shape state={state} label={status} />,
      text: label,
      more: `${type} …${id.slice(-8)}`,
    },
    run: () =>
      void (type === "batch"
        ? navigate({ to: "/batches/$id/{-$tab}", params })
        : navigate({ to: "/tasks/$id/{-$tab}", params })),
  };
}
