// Owns the types of services.mjs, for TypeScript callers.
/** A server that answers on 127.0.0.1. `stop` is orderly, `kill` is SIGKILL to all its processes, `freeze` is SIGSTOP and resolves
 * when nothing of it runs any more. */
export interface Service {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server has ended, for whatever reason; `exit` names it. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  freeze(): Promise<void>;
  thaw(): void;
}
export function startPostgres(options: {
  dir: string;
  port?: number;
  settings?: Record<string, string>;
}): Promise<Service>;
export function startNats(options: {
  dir: string;
  port?: number;
  config?: string | ((dir: string, port: number) => string);
  env?: Record<string, string>;
  say?: (line: string) => void;
}): Promise<Service>;
export function natsServer(say?: (line: string) => void): Promise<string>;
/** SIGSTOP to these processes; resolves when every thread of them stands still, rejects after 5 s. */
export function freeze(...pids: number[]): Promise<void>;
