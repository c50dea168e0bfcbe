// The tabs of a screen, as links. On a phone they scroll, and the open one is always in sight.
import { Children, type ReactNode, useEffect, useRef } from "react";

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
  // A tab may come later than the others: the definition, once it is known who asks.
  const tabs = Children.toArray(children).length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another tab is open, or there, so another link is current.
  useEffect(() => {
    const show = () =>
      bar.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
    show();
    // Another font makes the tabs wider.
    void document.fonts.ready.then(show);
  }, [open, tabs]);
  return (
    <nav ref={bar} className="tabs" aria-label={label}>
      {children}
    </nav>
  );
}
