// URLs, hosts and ranges as operators write them: each reader gives the value as it is kept, or undefined.
import { isIPv4, isIPv6 } from "node:net";

/** Whitespace is refused because `new URL` drops it silently, and two readers would see two URLs. */
export function readUrl(raw: string, schemes: readonly string[]): URL | undefined {
  if (/[\s\p{Cc}]/u.test(raw) || !schemes.some((scheme) => raw.toLowerCase().startsWith(`${scheme}://`)))
    return undefined;
  const read = URL.parse(raw);
  // A stray % in a password would only be found by the driver, at every attempt to connect.
  if (read === null || read.hostname === "" || !isDecodable(read.username + read.password)) return undefined;
  return read;
}

/** Several URLs of one cluster, comma-separated. */
export function readUrls(raw: string, schemes: readonly string[]): string | undefined {
  const items = raw.split(",").map((item) => item.trim());
  return items.every((item) => readUrl(item, schemes)) ? items.join(",") : undefined;
}

/** Paths are appended to it, so it ends without a slash. */
export function readBaseUrl(raw: string): string | undefined {
  const read = readUrl(raw, ["http", "https"]);
  const isBase = read !== undefined && !/[?#]/.test(raw) && read.username === "" && read.password === "";
  return isBase ? raw.replace(/\/+$/, "") : undefined;
}

/** As `new URL(...).hostname` spells it, so that it can be compared with that. */
export function readHost(item: string): string | undefined {
  const bare = item.replace(/^\[(.*)\]$/, "$1");
  if (isIPv6(bare)) return bare.includes("%") ? undefined : URL.parse(`http://[${bare}]`)?.hostname;
  if (!/^[\p{L}\p{N}._-]{1,253}$/u.test(item)) return undefined;
  const host = URL.parse(`http://${item}`)?.hostname.replace(/\.$/, "") ?? "";
  return /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(host)
    ? host
    : undefined;
}

/** An address without the brackets of an IPv6 one, or a name. */
export const readListenHost = (raw: string) => readHost(raw)?.replace(/^\[(.*)\]$/, "$1");

/** Always kept with the leading dot. */
export function readSuffix(item: string): string | undefined {
  const host = readHost(item.replace(/^\./, ""));
  return host === undefined || /^[[\d]/.test(host) ? undefined : `.${host}`;
}

export function readCidr(item: string): string | undefined {
  const [, address = "", bits = ""] = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(item) ?? [];
  const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return Number(bits) <= most ? item.toLowerCase() : undefined;
}

export function readOrigin(item: string): string | undefined {
  if (item === "*") return item;
  const read = readUrl(item, ["http", "https"]);
  return read?.href === `${read?.origin}/` && !/[?#]/.test(item) ? read?.origin : undefined;
}

function isDecodable(encoded: string): boolean {
  try {
    return decodeURIComponent(encoded) !== undefined;
  } catch {
    return false;
  }
}
