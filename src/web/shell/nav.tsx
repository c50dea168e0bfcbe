// The ways through the console. Red counts stand only where a person must act.
import { Link } from "@tanstack/react-router";
import {
  Activity,
  CalendarClock,
  Cpu,
  Inbox,
  Layers,
  ListChecks,
  type LucideIcon,
  Menu as More,
  Plug,
  Rows3,
  Search,
  Send,
  SlidersHorizontal,
  SquareTerminal,
} from "lucide-react";
import { useOverview } from "../data/queries.ts";
import { openPalette } from "./palette-state.ts";

interface Item {
  readonly to:
    | "/"
    | "/batches"
    | "/tasks"
    | "/limits"
    | "/schedules"
    | "/receivers"
    | "/deliveries"
    | "/bulk"
    | "/workers"
    | "/dead-letters"
    | "/playground";
  readonly text: string;
  readonly icon: LucideIcon;
  /** Of the overview: what a person must act on. */
  readonly count?: "receivers_unhealthy" | "exhausted" | "dead_letters";
}

export const ways: readonly { readonly group: string; readonly items: readonly Item[] }[] = [
  {
    group: "",
    items: [
      { to: "/", text: "Overview", icon: Activity },
      { to: "/batches", text: "Batches", icon: Rows3 },
      { to: "/tasks", text: "Tasks", icon: Layers },
    ],
  },
  {
    group: "Control",
    items: [
      { to: "/limits", text: "Limits", icon: SlidersHorizontal },
      { to: "/schedules", text: "Schedules", icon: CalendarClock },
      { to: "/receivers", text: "Receivers", icon: Plug, count: "receivers_unhealthy" },
      { to: "/deliveries", text: "Deliveries", icon: Send, count: "exhausted" },
    ],
  },
  {
    group: "System",
    items: [
      { to: "/bulk", text: "Bulk", icon: ListChecks },
      { to: "/workers", text: "Workers", icon: Cpu },
      { to: "/dead-letters", text: "Dead letters", icon: Inbox, count: "dead_letters" },
    ],
  },
  { group: "Try", items: [{ to: "/playground", text: "Playground", icon: SquareTerminal }] },
];

const Mark = () => (
  <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
    <rect x="1" y="7.8" width="18" height="4.5" rx="2.2" transform="rotate(-28 10 10)" fill="currentColor" />
  </svg>
);

function Way({ to, text, icon: Icon, count }: Item) {
  const overview = useOverview().data;
  const n = count === undefined ? 0 : (overview?.[count] ?? 0);
  return (
    <Link to={to} className="item" activeOptions={{ exact: to === "/" }} title={text}>
      <Icon size={16} aria-hidden="true" />
      <span>{text}</span>
      {n > 0 && (
        <span className="count">
          {n > 99 ? "99+" : n}
          <span className="hidden"> to look at</span>
        </span>
      )}
    </Link>
  );
}

export const Nav = ({ foot }: { readonly foot: React.ReactNode }) => (
  <nav className="nav" aria-label="Main">
    <div className="brand">
      <Mark />
      <span>Baton</span>
    </div>
    {ways.map(({ group, items }) => (
      <div key={group} style={{ display: "contents" }}>
        {group !== "" && <div className="group">{group}</div>}
        {items.map((item) => (
          <Way key={item.to} {...item} />
        ))}
      </div>
    ))}
    <div className="foot">{foot}</div>
  </nav>
);

export const PhoneNav = () => (
  <nav className="phone-nav" aria-label="Main">
    <Link to="/" activeOptions={{ exact: true }}>
      <Activity size={18} aria-hidden="true" />
      Overview
    </Link>
    <Link to="/batches">
      <Rows3 size={18} aria-hidden="true" />
      Batches
    </Link>
    <button type="button" onClick={() => openPalette("")}>
      <Search size={18} aria-hidden="true" />
      Search
    </button>
    <button type="button" onClick={() => openPalette(">")}>
      <More size={18} aria-hidden="true" />
      More
    </button>
  </nav>
);
