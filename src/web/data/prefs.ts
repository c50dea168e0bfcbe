// What the person who looks prefers, kept in the browser: theme, how times are written, filters that were saved, the last reason.
import { makeStore, type Store } from "./store.ts";

export type Theme = "system" | "light" | "dark";
export type TimeMode = "local" | "utc" | "ago";
export interface SavedView {
  readonly name: string;
  readonly query: string;
}

/** A preference that outlives the page; where storage is denied it lives as long as the page does. */
function preference<T>(name: string, first: T, isSound: (value: unknown) => value is T): Store<T> {
  const store = makeStore<T>(read(name, first, isSound));
  return {
    ...store,
    set: (value) => {
      store.set(value);
      try {
        localStorage.setItem(`baton.${name}`, JSON.stringify(value));
      } catch {}
    },
  };
}

function read<T>(name: string, first: T, isSound: (value: unknown) => value is T): T {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(`baton.${name}`) ?? "null");
    return isSound(value) ? value : first;
  } catch {
    return first;
  }
}

const oneOf =
  <T extends string>(...values: readonly T[]) =>
  (value: unknown): value is T =>
    values.includes(value as T);
const isText = (value: unknown): value is string => typeof value === "string";
const isViews = (value: unknown): value is readonly SavedView[] =>
  Array.isArray(value) && value.every((one) => isText(one?.name) && isText(one?.query));

export const theme = preference<Theme>("theme", "system", oneOf("system", "light", "dark"));
export const timeMode = preference<TimeMode>("time", "local", oneOf("local", "utc", "ago"));
export const savedViews = preference<readonly SavedView[]>("views", [], isViews);
export const lastReason = preference<string>("reason", "", isText);

/** Sets the theme on the page, now and whenever it changes. */
export function applyTheme(): void {
  const apply = () => {
    document.documentElement.dataset.theme = theme.get();
  };
  apply();
  theme.subscribe(apply);
}
