/**
 * The kinds of setting that settings.ts is made of: how each is read from text, and what it says about itself.
 * A parser never throws and never repeats what it was given: settings.ts alone decides what of a value may be shown.
 * Hand-written and not an Effect Schema: one row has to give the value, the fault line and the documentation, and
 * Schema's own messages neither name what is allowed in one line nor know what must be masked.
 */
import { isIPv4, isIPv6 } from "node:net";

/** Either the value, or what is wrong beyond `allowed` ("" when there is nothing to add). */
export type Parsed<T> = { readonly value: T } | { readonly wrong: string };

export type Setting<T> = {
  readonly type: string;
  readonly allowed: string;
  readonly why: string;
  readonly unit: string;
  /** The default as one would write it in the environment; "" means none. */
  readonly preset: string;
  /** The value when the variable is not set and there is no preset. */
  readonly unset: T | undefined;
  readonly required: boolean;
  /** How much of a value may appear in a log line or a fault. */
  readonly shown: "whole" | "masked" | "never";
  readonly parse: (text: string) => Parsed<T>;
};

export type AuthToken = {
  readonly name: string;
  readonly role: "read" | "submit" | "operate";
  readonly sha256: string;
};

const no = (wrong = ""): Parsed<never> => ({ wrong });

/** A whole number in plain decimal digits: "1.5", "1e3", " 1", "0x10" and "007" are faults, not guesses. */
export function int(preset: number, min: number, max: number, unit: string, why: string): Setting<number> {
  const parse = (text: string): Parsed<number> => {
    if (!/^(0|[1-9]\d{0,14})$/.test(text)) return no();
    const value = Number(text);
    return value < min || value > max ? no() : { value };
  };
  return setting("integer", `an integer from ${min} to ${max}`, why, parse, { unit, preset: String(preset) });
}

export function ratio(preset: string, why: string): Setting<number> {
  const parse = (text: string): Parsed<number> =>
    /^(0(\.\d{1,9})?|1(\.0{1,9})?)$/.test(text) ? { value: Number(text) } : no();
  return setting("decimal", "a decimal number from 0 to 1", why, parse, { preset });
}

export function flag(preset: "0" | "1", why: string): Setting<boolean> {
  const values = new Map([
    ["0", false],
    ["1", true],
    ["false", false],
    ["true", true],
  ]);
  const parse = (text: string): Parsed<boolean> => {
    const value = values.get(text);
    return value === undefined ? no() : { value };
  };
  return setting("switch", "0, 1, true or false", why, parse, { preset });
}

/** A switch of a feature that is not built yet: on, it would promise what nothing does. */
export function unbuilt(feature: string, why: string): Setting<boolean> {
  const parse = (text: string): Parsed<boolean> => {
    if (text === "0" || text === "false") return { value: false };
    return no(text === "1" || text === "true" ? `${feature} is not built yet` : "");
  };
  return setting("switch", "0 or false", why, parse, { preset: "0" });
}

export function oneOf<T extends string>(preset: T, choices: readonly T[], why: string): Setting<T> {
  const parse = (text: string): Parsed<T> => {
    const value = choices.find((choice) => choice === text);
    return value === undefined ? no() : { value };
  };
  return setting("word", `one of ${choices.join(", ")}`, why, parse, { preset });
}

/** One of a few whole numbers. */
export function intOf<T extends number>(preset: T, choices: readonly T[], unit: string, why: string): Setting<T> {
  const parse = (text: string): Parsed<T> => {
    const value = choices.find((choice) => String(choice) === text);
    return value === undefined ? no() : { value };
  };
  return setting("integer", `one of ${choices.join(", ")}`, why, parse, { unit, preset: String(preset) });
}

/** A non-empty set of words, each at most once. */
export function someOf<T extends string>(preset: string, choices: readonly T[], why: string): Setting<ReadonlySet<T>> {
  const parse = (text: string): Parsed<ReadonlySet<T>> => {
    const items = text.split(",").map((item) => choices.find((choice) => choice === item.trim()));
    const value = new Set(items.filter((item) => item !== undefined));
    return value.size === items.length ? { value } : no();
  };
  return setting("list", `one or more of ${choices.join(", ")}, comma-separated, each once`, why, parse, { preset });
}

export function text(preset: string, why: string): Setting<string> {
  const parse = (raw: string): Parsed<string> =>
    /^[^\p{Cc}]{1,255}$/u.test(raw) && raw.trim() !== "" ? { value: raw } : no();
  return setting("text", "a text of 1 to 255 characters", why, parse, { preset });
}

/** One URL. Whitespace is refused because `new URL` drops it silently, and two readers would see two URLs. */
export function url(schemes: readonly string[], why: string): Setting<string> {
  const allowed = `a URL that starts with ${schemes.map((s) => `${s}://`).join(" or ")}`;
  const parse = (raw: string): Parsed<string> => (readUrl(raw, schemes) === undefined ? no() : { value: raw });
  return setting("URL", allowed, why, parse, { shown: "masked" });
}

/** Several URLs of one cluster, comma-separated. */
export function urls(schemes: readonly string[], why: string): Setting<string> {
  const allowed = `one or more comma-separated URLs that start with ${schemes.map((s) => `${s}://`).join(" or ")}`;
  const parse = (raw: string): Parsed<string> => {
    const items = raw.split(",").map((item) => item.trim());
    return items.every((item) => readUrl(item, schemes)) ? { value: items.join(",") } : no();
  };
  return setting("URLs", allowed, why, parse, { shown: "masked" });
}

/** The address that others reach us by: paths are appended to it, so it ends without a slash. */
export function baseUrl(why: string): Setting<string> {
  const parse = (raw: string): Parsed<string> => {
    const read = readUrl(raw, ["http", "https"]);
    if (read === undefined || /[?#]/.test(raw) || read.username !== "" || read.password !== "") return no();
    return { value: raw.replace(/\/+$/, "") };
  };
  const allowed = "a URL that starts with http:// or https://, without credentials, query or fragment";
  return setting("URL", allowed, why, parse, { shown: "masked" });
}

/** Hosts as `new URL(...).hostname` spells them, so that they can be compared with it. */
export function hosts(why: string): Setting<readonly string[]> {
  return list("hostnames or IP addresses", why, readHost);
}

/** What a server listens on: an address, without the brackets of an IPv6 one, or a name of this machine. */
export function listenHost(preset: string, why: string): Setting<string> {
  const parse = (raw: string): Parsed<string> => {
    const host = readHost(raw);
    return host === undefined ? no() : { value: host.replace(/^\[(.*)\]$/, "$1") };
  };
  return setting("host", "an IP address or a name of this machine", why, parse, { preset });
}

/** Always kept with the leading dot. */
export function suffixes(why: string): Setting<readonly string[]> {
  return list("hostname suffixes such as .corp", why, (item) => {
    const host = readHost(item.replace(/^\./, ""));
    return host === undefined || /^[[\d]/.test(host) ? undefined : `.${host}`;
  });
}

export function cidrs(why: string): Setting<readonly string[]> {
  return list("CIDR ranges such as 10.0.0.0/8 or fd00::/8", why, (item) => {
    const [, address = "", bits = ""] = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(item) ?? [];
    const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
    return Number(bits) <= most ? item.toLowerCase() : undefined;
  });
}

export function origins(why: string): Setting<readonly string[]> {
  return list("origins such as https://app.example.com, or *", why, (item) => {
    const read = item === "*" ? undefined : readUrl(item, ["http", "https"]);
    if (read === undefined) return item === "*" ? item : undefined;
    return read.href === `${read.origin}/` && !/[?#]/.test(item) ? read.origin : undefined;
  });
}

export function secret(allowed: string, pattern: RegExp, why: string): Setting<string | undefined> {
  const parse = (raw: string): Parsed<string> => (pattern.test(raw) ? { value: raw } : no());
  return setting("secret", allowed, why, parse, { shown: "never" });
}

export function signingSecrets(why: string): Setting<readonly string[]> {
  const ok = /^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/;
  return { ...list("secrets of the form whsec_<base64>", why, (s) => (ok.test(s) ? s : undefined)), shown: "never" };
}

export function authTokens(why: string): Setting<readonly AuthToken[]> {
  const row = /^([A-Za-z0-9._-]{1,64}):(read|submit|operate):([0-9a-fA-F]{64})$/;
  const parse = (raw: string): Parsed<readonly AuthToken[]> => {
    const tokens: AuthToken[] = [];
    for (const [i, item] of raw.split(",").entries()) {
      const [, name, role, hex] = row.exec(item.trim()) ?? [];
      if (name === undefined || role === undefined || hex === undefined) return no(`entry ${i + 1} is wrong`);
      const token = { name, role: role as AuthToken["role"], sha256: hex.toLowerCase() };
      if (tokens.some((t) => t.name === name)) return no(`entry ${i + 1} repeats a name`);
      if (tokens.some((t) => t.sha256 === token.sha256)) return no(`entry ${i + 1} repeats a token`);
      tokens.push(token);
    }
    return { value: tokens };
  };
  const allowed = "comma-separated <name>:<role>:<SHA-256 of the token in 64 hex digits>, role read, submit or operate";
  return setting("secret", allowed, why, parse, { shown: "never", unset: [] });
}

export const required = <T>(row: Setting<T>): Setting<T> => ({ ...row, required: true });
export const optional = <T>(row: Setting<T>): Setting<T | undefined> => row;

/** Passwords and tokens out of a URL, also out of one that is malformed: rather too much is hidden than too little. */
export function maskUrls(raw: string): string {
  const items = /^\s*(nats|tls):\/\//i.test(raw) ? raw.split(/,(?=\s*(?:nats|tls):\/\/)/i) : [raw];
  return items.map(maskUrl).join(",");
}

function maskUrl(raw: string): string {
  return (
    raw
      // A password may itself contain an @, and what stands alone before it in nats://<token>@host is the secret.
      .replace(/^(\s*(?:([a-z][a-z0-9+.-]*):\/\/)?)([^:@]*)(:?).*@/is, (_all, start, scheme, user, colon) => {
        const isUser =
          colon === ":" && !/[/?#]/.test(user) && /^(postgres|postgresql|nats|tls|https?)?$/i.test(scheme ?? "");
        return isUser ? `${start}${user}:***@` : `${start}***@`;
      })
      // Without any @ what follows the colon should be a port; if it cannot be one, it may be the password.
      .replace(/(:\/\/[^:/?#@[\]]*:)(?!\*\*\*@|\d{1,5}(?:[/?#,]|$)).*/s, "$1***")
      .replace(/((?:password|passwd|pwd|token|secret)\s*=\s*)('[^']*'|[^&\s]+)/gi, "$1***")
  );
}

function setting<T>(
  type: string,
  allowed: string,
  why: string,
  parse: Setting<T>["parse"],
  rest: Partial<Setting<T>>,
): Setting<T> {
  return {
    type,
    allowed,
    why,
    parse,
    unit: "",
    preset: "",
    unset: undefined,
    required: false,
    shown: "whole",
    ...rest,
  };
}

/** An empty item is a fault: it is what a template leaves behind when a name in it was not filled in. */
function list(what: string, why: string, item: (text: string) => string | undefined): Setting<readonly string[]> {
  const parse = (raw: string): Parsed<readonly string[]> => {
    const items = raw.split(",").map((part) => item(part.trim()));
    const first = items.indexOf(undefined);
    if (first >= 0) return no(`entry ${first + 1} is wrong`);
    return { value: [...new Set(items as string[])] };
  };
  return setting("list", `comma-separated ${what}`, why, parse, { unset: [] });
}

function readUrl(raw: string, schemes: readonly string[]): URL | undefined {
  if (/[\s\p{Cc}]/u.test(raw) || !schemes.some((scheme) => raw.toLowerCase().startsWith(`${scheme}://`)))
    return undefined;
  const read = URL.parse(raw);
  // A stray % in a password would only be found by the driver, at every attempt to connect.
  if (read === null || read.hostname === "" || !isDecodable(read.username + read.password)) return undefined;
  return read;
}

function readHost(item: string): string | undefined {
  const bare = item.replace(/^\[(.*)\]$/, "$1");
  if (isIPv6(bare)) return bare.includes("%") ? undefined : URL.parse(`http://[${bare}]`)?.hostname;
  if (!/^[\p{L}\p{N}._-]{1,253}$/u.test(item)) return undefined;
  const host = URL.parse(`http://${item}`)?.hostname.replace(/\.$/, "") ?? "";
  return /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(host)
    ? host
    : undefined;
}

function isDecodable(encoded: string): boolean {
  try {
    return decodeURIComponent(encoded) !== undefined;
  } catch {
    return false;
  }
}
