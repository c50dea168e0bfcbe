// Opens the connections of outgoing calls, to checked addresses only: a name is resolved once, every address it has is
// judged, and the connection is made to those and to no others, whatever DNS says a moment later. A receiver that may not
// be called is an error `Blocked`, before anything is sent.
import { lookup } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { addressFault, type Block, hostFault, type Policy, type Rule } from "#domain/calls/guard";

export class Blocked extends Error {
  readonly rule: Rule;
  constructor({ rule, says }: Block) {
    super(says);
    this.name = "Blocked";
    this.rule = rule;
  }
}

export interface Address {
  readonly address: string;
  readonly family: number;
}
/** All addresses of a name. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

const byDns: Resolve = (host) => lookup(host, { all: true });

/** How the HTTP client opens a connection, within `timeout` ms. */
export function guarded(policy: Policy, timeout: number, resolve: Resolve = byDns): buildConnector.connector {
  const settings = { timeout, allowH2: false, lookup: checkedLookup(policy, resolve) };
  const open = buildConnector(settings as buildConnector.BuildOptions);
  return (options, callback) => {
    // An address in the URL is never looked up, so it is judged here; a name is judged by its letters.
    const block = hostFault(options.hostname, policy);
    if (block === undefined) open(options, callback);
    else process.nextTick(callback, new Blocked(block), null);
  };
}

function checkedLookup(policy: Policy, resolve: Resolve): LookupFunction {
  const check = async (host: string) => {
    const found = await resolve(host);
    for (const { address } of found) {
      const block = addressFault(address, policy, host);
      if (block !== undefined) throw new Blocked(block);
    }
    return found;
  };
  return (host, options, answer) => {
    check(host).then(
      (found) => {
        if (options.all) answer(null, [...found]);
        else answer(null, found[0]?.address ?? "", found[0]?.family);
      },
      (error: NodeJS.ErrnoException) => answer(error, options.all ? [] : ""),
    );
  };
}
