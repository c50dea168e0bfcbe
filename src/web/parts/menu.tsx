// A menu of acts behind a button.
import { Menu } from "@base-ui/react/menu";
import type { ReactNode } from "react";

export interface MenuItem {
  readonly label: string;
  readonly icon?: ReactNode;
  readonly isDisabled?: boolean;
  readonly run: () => void;
}

export function ActMenu({
  label,
  children,
  items,
}: {
  readonly label: string;
  readonly children: ReactNode;
  readonly items: readonly MenuItem[];
}) {
  return (
    <Menu.Root>
      <Menu.Trigger className="btn" aria-label={label}>
        {children}
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner className="menu-at" sideOffset={5} align="end">
          <Menu.Popup className="menu">
            {items.map(({ label: text, icon, isDisabled = false, run }) => (
              <Menu.Item key={text} disabled={isDisabled} onClick={run}>
                {icon}
                {text}
              </Menu.Item>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
