// Which receivers actions may call: by name when an action is taken in, by address when a connection is opened. Pure, no
// DNS. What is not global unicast is blocked unless the operator allows it; link-local and metadata addresses always are.
// Whatever cannot be read as an address is blocked too.
import { BlockList, isIP, isIPv4 } from "node:net";

export interface GuardSettings {
  readonly skipSsrfValidation: boolean;
  /** Hosts as `new URL(...).hostname` spells them, IPv6 addresses in brackets. */
  readonly blockedHostnames: readonly string[];
  /** With the leading dot. */
  readonly blockedHostnameSuffixes: readonly string[];
  readonly allowedHostnames: readonly string[];
  readonly allowedCidrs: readonly string[];
}

export interface Policy {
  readonly skip: boolean;
  readonly blockedHosts: ReadonlySet<string>;
  readonly blockedSuffixes: readonly string[];
  readonly allowedHosts: ReadonlySet<string>;
  readonly allowedNets: Nets;
}

/**
 * Why a receiver may not be called: the rule's short name, and what the error says, with the setting that would allow it. Of what was sent
 * it repeats the host alone.
 */
export interface Block {
  readonly rule: Rule;
  readonly says: string;
}
export type Rule =
  | "metadata"
  | "link_local"
  | "loopback"
  | "unspecified"
  | "private"
  | "shared"
  | "multicast"
  | "embedded"
  | "reserved"
  | "host"
  | "spelling";

export function makePolicy(settings: GuardSettings): Policy {
  const suffixes = new Set([...builtInSuffixes, ...settings.blockedHostnameSuffixes]);
  return {
    skip: settings.skipSsrfValidation,
    blockedHosts: new Set(settings.blockedHostnames),
    blockedSuffixes: [...suffixes],
    allowedHosts: new Set(settings.allowedHostnames),
    allowedNets: netsOf(settings.allowedCidrs),
  };
}

/** Judges a URL that a user sent, whose shape was found good. The host is read from the text as well: `http://0177.1/` is 127.0.0.1. */
export function urlFault(url: string, policy: Policy): Block | undefined {
  if (policy.skip) return undefined;
  const hostname = URL.parse(url)?.hostname;
  if (hostname === undefined) return misspelt;
  const raw = /^[a-z]+:\/\/(\[[^\]]*\]|[^/?#:]*)/i.exec(url)?.[1];
  if (isIPv4(hostname) && raw !== hostname) return misspelt;
  return hostFault(hostname, policy);
}

/** Judges a host as `new URL(...).hostname` spells it, with or without the brackets of an IPv6 address. */
export function hostFault(hostname: string, policy: Policy): Block | undefined {
  if (policy.skip) return undefined;
  const host = bare(hostname);
  if (isIP(host) !== 0) return addressFault(host, policy);
  if (metadataNames.has(host)) return { rule: "metadata", says: `host is blocked: ${host}${closed}` };
  if (isAllowedHost(host, policy)) return undefined;
  const suffix = policy.blockedSuffixes.find((end) => host.endsWith(end) || host === end.slice(1));
  if (suffix === undefined && !policy.blockedHosts.has(host)) return undefined;
  const what = suffix === undefined || suffix === `.${host}` ? host : suffix;
  // What the operator blocked himself is meant to be.
  const opens = policy.blockedHosts.has(host) || !builtInSuffixes.includes(suffix ?? "") ? "" : byName(host);
  return { rule: "host", says: `host is blocked: ${what}${opens}` };
}

/** Whether the operator made an exception for this name, so that its addresses may be private. */
function isAllowedHost(hostname: string, policy: Policy): boolean {
  return policy.allowedHosts.has(asHostname(bare(hostname)));
}

/** Judges an address to be connected to. `name`: the one that led to it; undefined where the URL has the address itself. */
export function addressFault(address: string, policy: Policy, name?: string): Block | undefined {
  if (policy.skip) return undefined;
  const hostAllowed = isAllowedHost(name ?? address, policy);
  const ip = address.replace(/%.*$/s, "");
  const family = isIP(ip);
  if (family === 0) return { rule: "spelling", says: "is not an address" };
  if (!hostAllowed && policy.blockedHosts.size > 0 && policy.blockedHosts.has(asHostname(ip)))
    return { rule: "host", says: "host is blocked by its address" };
  if (!isIn(notGlobal, ip) && (isIPv4(ip) || isIn(globalV6, ip))) return undefined;
  if ((hostAllowed || isIn(policy.allowedNets, ip)) && !isUntouchable(ip)) return undefined;
  const { rule, what, cidr } = ranges.find(({ nets }) => isIn(nets, ip)) ?? outside;
  // Who may create batches need not know which of our addresses a name has.
  const leads = name === undefined ? "" : `: ${name} leads to one`;
  const opens = isUntouchable(ip) ? closed : name === undefined ? allowedBy("ALLOWED_CIDRS", only(ip)) : byName(name);
  return { rule, says: `must not point to ${what} (${cidr})${leads}${opens}` };
}

const closed = "; no setting allows it";

const allowedBy = (setting: string, value: string) => `; to allow it, give Baton ${setting}=${value}`;
const byName = (name: string) => allowedBy("ALLOWED_HOSTNAMES", name);
/** This address alone. */
const only = (ip: string) => `${ip}/${isIPv4(ip) ? 32 : 128}`;

const misspelt: Block = { rule: "spelling", says: "must write an IPv4 address as four decimal numbers" };
/** The names without the dot are blocked with them: `local`, `internal`, `localhost`. */
const builtInSuffixes = [".localhost", ".local", ".internal", ".localdomain"];
/** Where clouds hand out credentials; no exception of the operator reaches them. */
const metadataNames = new Set(
  "metadata metadata.google.internal metadata.goog instance-data instance-data.ec2.internal metadata.tencentyun.com".split(
    " ",
  ),
);

interface Nets {
  readonly v4: BlockList;
  readonly v6: BlockList;
}
interface Range {
  readonly rule: Rule;
  readonly what: string;
  readonly cidr: string;
  readonly nets: Nets;
}

// The first that fits names the fault, so the narrow ones come first.
const ranges: readonly Range[] = (
  [
    [
      "metadata",
      "a metadata service",
      "100.100.100.200/32 168.63.129.16/32 192.0.0.192/32 fd00:ec2::254/128 fd20:ce::254/128 fd00:c1::a9fe:a9fe/128",
    ],
    ["link_local", "a link-local address", "169.254.0.0/16 fe80::/10"],
    ["loopback", "a loopback address", "127.0.0.0/8 ::1/128"],
    ["unspecified", "an address of this host", "0.0.0.0/8 ::/128"],
    ["private", "a private address", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10"],
    ["shared", "a carrier's shared address", "100.64.0.0/10"],
    ["multicast", "a multicast address", "224.0.0.0/4 ff00::/8"],
    [
      "embedded",
      "an IPv4 address inside an IPv6 one",
      "::ffff:0:0/96 ::/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16 2001::/32",
    ],
    [
      "reserved",
      "a reserved address",
      "192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 2001::/23 2001:db8::/32 3fff::/20",
    ],
  ] as const
).flatMap(([rule, what, cidrs]) => cidrs.split(" ").map((cidr) => ({ rule, what, cidr, nets: netsOf([cidr]) })));

const netsWhere = (fits: (rule: Rule) => boolean): Nets =>
  netsOf(ranges.filter(({ rule }) => fits(rule)).map(({ cidr }) => cidr));
const notGlobal = netsWhere(() => true);
const untouchable = netsWhere((rule) => rule === "metadata" || rule === "link_local");
const embedding = netsWhere((rule) => rule === "embedded");
const globalV6 = netsOf(["2000::/3"]);
const outside = { rule: "reserved", what: "an address that is not global unicast", cidr: "outside 2000::/3" } as const;

/** No exception reaches these, nor what is translated to them. */
function isUntouchable(ip: string): boolean {
  if (isIn(untouchable, ip)) return true;
  if (isIPv4(ip) || !isIn(embedding, ip)) return false;
  const [, a = 0, b = 0, c = 0, , , x = 0, y = 0] = groupsOf(ip);
  // The IPv4 address of 6to4, of Teredo's server, and the last bits, which Teredo inverts.
  const pairs = [
    [a, b],
    [b, c],
    [x, y],
    [x ^ 0xffff, y ^ 0xffff],
  ] as const;
  return pairs.some(([high, low]) => isIn(untouchable, [high >> 8, high & 255, low >> 8, low & 255].join(".")));
}

/** The eight numbers of an IPv6 address. */
function groupsOf(ip: string): number[] {
  const [head = "", tail] = asHostname(ip).slice(1, -1).split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = new Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
}

/** Two lists, one a family: in a shared one the range of mapped addresses would hold every IPv4 address. */
function netsOf(cidrs: readonly string[]): Nets {
  const nets = { v4: new BlockList(), v6: new BlockList() };
  for (const cidr of cidrs) {
    const [net = "", bits] = cidr.split("/");
    if (isIPv4(net)) nets.v4.addSubnet(net, Number(bits), "ipv4");
    else nets.v6.addSubnet(net, Number(bits), "ipv6");
  }
  return nets;
}

const isIn = (nets: Nets, ip: string): boolean => (isIPv4(ip) ? nets.v4.check(ip, "ipv4") : nets.v6.check(ip, "ipv6"));

const bare = (hostname: string) => hostname.replace(/^\[(.*)\]$/s, "$1").replace(/\.+$/, "");
const asHostname = (host: string) => (host.includes(":") ? (URL.parse(`http://[${host}]`)?.hostname ?? host) : host);
