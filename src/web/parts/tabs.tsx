// The tabs of a screen, as links. On a phone they scroll, and the open one is always in sight.
import { type ReactNode, useEffect, useRef } from "react";

/** `open`: what tells the open tab from the others; its link carries `aria-current="page"`. */
export function TabBar({
  label,
  open,
  children,
}: {
  readonly label: string;
  readonly open: string | undefined;
  readonly children: ReactNode;
}) {
  const bar = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another tab is open, so another link is current.
  useEffect(() => {
    bar.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [open]);
  return (
    <nav ref={bar} className="tabs" aria-label={label}>
      {children}
    </nav>
  );
}
