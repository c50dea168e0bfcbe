// The part of a JSON value that an RFC 6901 pointer names. Pure.

export function valueAt(value: unknown, pointer: string, otherwise: unknown): unknown {
  if (value === null || value === undefined) return otherwise;
  let at: unknown = value;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return otherwise;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}
