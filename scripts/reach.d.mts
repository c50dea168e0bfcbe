// Owns the types of reach.mjs, for TypeScript callers.
type Env = Readonly<Record<string, string | undefined>>;
export function reachable(env: Env, port: number): Record<string, string>;
export function authority(listen: string): string;
export function reachLines(env: Env): [string, string][];
