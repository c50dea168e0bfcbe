// Reads the values of options. What is not allowed is a `Mistake`, which ends the program with the usage and exit code 2.
export class Mistake extends Error {
  override readonly name = "Mistake";
}

/** A number from `least` to `most`. */
export function numberOf(option: string, text: string, least: number, most: number): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new Mistake(`--${option} takes a number from ${least} to ${most}, not "${text}"`);
}

/** An http or https URL, as it was given. */
export function urlOf(option: string, text: string): string {
  const { protocol } = URL.parse(text) ?? {};
  if (protocol === "http:" || protocol === "https:") return text;
  throw new Mistake(`--${option} takes a URL as http://127.0.0.1:8085, not "${text}"`);
}

/** `option`: as it is typed. */
export function jsonOf(option: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Mistake(`${option} takes JSON, not ${text}\nTry: ${option} '{"count": 3}', or ${option} '"a text"'`);
  }
}
