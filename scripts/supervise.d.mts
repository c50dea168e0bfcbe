// Owns the types of what TypeScript callers take of supervise.mjs.
export function startProcess(options: {
  readonly name: string;
  readonly entry: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly show: (line: string) => void;
}): { readonly pid: number; readonly exited: Promise<{ readonly code: number | null }>; stop(): Promise<void> };
