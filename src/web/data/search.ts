// The query of the address as plain texts, so that a link reads well: `?status=failure,running&q=load`. What stands for nothing
// is left out, and what a screen does not know is dropped.

export type Texts<K extends string> = { readonly [P in K]?: string | undefined };

export const parseSearch = (text: string): Record<string, string> => Object.fromEntries(new URLSearchParams(text));

export function stringifySearch(search: Readonly<Record<string, unknown>>): string {
  const kept = Object.entries(search).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text.replaceAll("%2C", ",")}`;
}

/** For `validateSearch`: these texts and nothing else. */
export const texts =
  <K extends string>(...names: readonly K[]) =>
  (raw: Readonly<Record<string, unknown>>): Texts<K> =>
    Object.fromEntries(
      names.flatMap((name) => (raw[name] === undefined || raw[name] === "" ? [] : [[name, String(raw[name])]])),
    ) as Texts<K>;

/** What is set of a search, as the API takes it. */
export const filterOf = (search: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(search).flatMap(([name, value]) =>
      typeof value === "string" && value !== "" ? [[name, value]] : [],
    ),
  );

/** What a list shows, and whether all of it is selected; both stand in the address. `go`: to another address of the same list. */
export function selectionOf<Search extends { readonly sel?: string | undefined }>(
  search: Search,
  go: (to: { readonly search: Search; readonly replace: true }) => unknown,
) {
  const { sel, ...wanted } = search;
  return {
    ...{ isOn: sel === "all", filter: filterOf(wanted) },
    onSelect: (isOn: boolean) => void go({ search: { ...search, sel: isOn ? "all" : undefined }, replace: true }),
  };
}
