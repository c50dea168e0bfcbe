// Owns the types of nats-program.mjs, for TypeScript callers.
export const OLDEST: string;
export function natsServer(
  say?: (line: string) => void,
  options?: {
    dirs?: readonly string[];
    home?: string;
    ways?: readonly { name: string; tool: string; fetch: (scratch: string) => Promise<string> }[];
  },
): Promise<string>;
export function isNewEnough(version: string, oldest?: string): boolean;
/** Out of what `apt-get indextargets` prints. */
export function mirrorOf(targets: string): string | null;
export function sourcesOf(mirror: string, keyring: string | undefined): string;
export function fromRelease(
  scratch: string,
  release?: { version: string; from: string; sha256: Record<string, string> },
): Promise<string>;
