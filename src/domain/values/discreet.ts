// What a stranger wrote, as a person may read it in a reason: one short line without markup, and without what may be a secret.
// Pure, and bounded in what it costs.

/** Names whose values are not shown. */
const secretNames = "authorization|sig|signature|token|access_token|auth_?token|secret|password|passwd|api_?key|key";
const masks: readonly (readonly [RegExp, string])[] = [
  [/:\/\/[^\s"'/]*@/g, "://***@"],
  [new RegExp(`((?:[?&]|%3F|%26)(?:${secretNames})(?:=|%3D))[^&\\s"']+`, "gi"), "$1***"],
  [new RegExp(`(["'](?:${secretNames})["']\\s*:\\s*)(?:"[^"]*"?|'[^']*'?)`, "gi"), '$1"***"'],
  [/\b((?:Bearer|Basic)\s+|whsec_|v1,)[A-Za-z0-9+/=._~-]{8,}/g, "$1***"],
  [/\beyJ[\w-]{8,}\.[\w.-]+/g, "***"],
];
/** Control characters, halves of pairs, and what reverses the direction of text. */
const unsafeChars = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
/** Shorter ones are no secrets, and would mask parts of other words. */
const secretCharsMin = 6;
const secretsMax = 200;
/** Of a longer text only the beginning is looked at. */
const lookedAt = 4_096;

/** The beginning of a text of at most 4,096 characters, with `***` for what may be a secret. `secrets`: texts that surely are. */
export function masked(text: string, secrets: readonly string[]): string {
  // A long word that was cut in two might be half of a secret.
  let shown = text.length > lookedAt ? text.slice(0, lookedAt).replace(/\S{1,256}$/, "") : text;
  const known = secrets.filter(({ length }) => length >= secretCharsMin).slice(0, secretsMax);
  for (const secret of known) shown = shown.replaceAll(secret, "***");
  for (const [pattern, mask] of masks) shown = shown.replace(pattern, mask);
  return shown;
}

/** At most `max` characters, of what is no text nothing. */
export function discreetLine(text: string, max: number, secrets: readonly string[]): string {
  if (text.includes("\ufffd")) return "";
  const line = withoutMarkup(masked(text, secrets)).replace(unsafeChars, " ").replace(/\s+/g, " ").trim();
  const chars = [...line];
  return chars.length > max ? `${chars.slice(0, max - 1).join("")}…` : line;
}

/** Of a page its words. */
const withoutMarkup = (text: string): string =>
  /^\s*</.test(text) ? text.replace(/<(script|style)\b[\s\S]*?(?:<\/\1>|$)|<[^<>]*>/gi, " ") : text;
