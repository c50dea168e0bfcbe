// The types of build-once.mjs.
export declare const ROOT: string;
export declare function buildOnce(what: {
  readonly name: string;
  readonly dist: string;
  readonly sources: readonly string[];
  readonly build: (folder: string) => Promise<void>;
}): Promise<void>;
export declare function filesIn(path: string): string[];
