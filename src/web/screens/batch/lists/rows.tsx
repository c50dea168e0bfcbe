// Rows of a batch in sight only: the table and the timeline are made of it. Keyboard first: arrows or j and k move, Enter opens,
// Home and End; the frame keeps the focus and names the active row.
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";

interface Props {
  readonly label: string;
  readonly places: readonly number[];
  /** Of `grid-template-columns`. */
  readonly columns: string;
  /** How many lines of text a row has: its cells flow into the next one when the columns are full. */
  readonly lines?: 1 | 2;
  readonly selected: number;
  readonly onSelect: (place: number) => void;
  readonly onOpen: (place: number) => void;
  readonly row: (place: number) => ReactNode;
  /** Keys beside those that move. */
  readonly keys?: Readonly<Record<string, () => void>>;
}

const heights = { 1: 32, 2: 56 } as const;

export function Rows({ label, places, columns, lines = 1, selected, onSelect, onOpen, row, keys = {} }: Props) {
  const rowHeight = heights[lines];
  const frame = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    ...{ count: places.length, overscan: 12, estimateSize: () => rowHeight },
    getScrollElement: () => frame.current,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: places of rows are kept until this is called, also where the height changes.
  useEffect(() => virtual.measure(), [rowHeight, virtual]);
  const at = places.indexOf(selected);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: "auto" });
  }, [at, virtual]);
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((frame.current?.clientHeight ?? 320) / rowHeight) - 1);
    const steps: Readonly<Record<string, number>> = {
      ...{
        ArrowDown: 1,
        j: 1,
        ArrowUp: -1,
        k: -1,
        PageDown: page,
        PageUp: -page,
        Home: -places.length,
        End: places.length,
      },
    };
    const step = steps[event.key];
    const own = event.ctrlKey || event.metaKey ? undefined : keys[event.key];
    if (own !== undefined) {
      event.preventDefault();
      return own();
    }
    if (event.key === "Enter" && at >= 0) return onOpen(selected);
    if (event.key === "Escape") return onSelect(-1);
    if (step === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = places[Math.max(0, Math.min(places.length - 1, at < 0 ? 0 : at + step))];
    if (next !== undefined) onSelect(next);
  };
  return (
    <div
      ref={frame}
      className="list"
      role="listbox"
      aria-label={`${label}: arrows move, Enter opens`}
      aria-activedescendant={at >= 0 ? `row-${selected}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div role="presentation" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const place = places[index] ?? 0;
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the list takes the keys.
            <div
              key={place}
              id={`row-${place}`}
              className="line"
              role="option"
              tabIndex={-1}
              aria-selected={place === selected}
              aria-posinset={index + 1}
              aria-setsize={places.length}
              style={{ transform: `translateY(${start}px)`, height: rowHeight, gridTemplateColumns: columns }}
              onClick={() => onSelect(place)}
              onDoubleClick={() => onOpen(place)}
            >
              {row(place)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
