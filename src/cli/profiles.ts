// Which Baton a command talks to, and with which token: by its options, by the environment, or by a profile of the file of profiles. A
// token of a profile goes to the address of that profile and nowhere else, and is never printed.
import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Mistake, urlOf } from "./arguments.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What the options of a command say. */
export interface Asked {
  readonly url?: string;
  readonly token?: string;
  readonly profile?: string;
}

export interface Connection {
  readonly url: string;
  readonly token?: string;
  /** The profile that it is of. */
  readonly profile?: string;
}

interface Profile {
  readonly url: string;
  readonly token?: string;
  /** The variable that holds the token, for those who want it in no file. */
  readonly token_env?: string;
}

export interface Profiles {
  readonly path: string;
  readonly default?: string;
  readonly profiles: Readonly<Record<string, Profile>>;
  /** Others on this machine can read it, and it holds a token. */
  readonly isOpen: boolean;
}

export const profilesPath = (env: Environment): string =>
  join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "baton", "config.json");

/** Options go first, then BATON_URL, then BATON_PROFILE, then the default of the file, then this machine. */
export function connectionOf({ url, token, profile }: Asked, env: Environment = process.env): Connection {
  const inEnv = env.BATON_TOKEN || env.AUTH_TOKEN;
  if (url !== undefined && profile !== undefined)
    throw new Mistake("--url and --profile both say where Baton is: give one of them");
  const address = url ?? (profile === undefined ? env.BATON_URL || undefined : undefined);
  if (address !== undefined) return { url: urlOf("url", address), ...tokenOf(token ?? inEnv) };
  const named = profile ?? (env.BATON_PROFILE || undefined);
  const file = readProfiles(env);
  const name = named ?? file?.default;
  if (name === undefined) return { url: `http://127.0.0.1:${env.PORT || 8085}`, ...tokenOf(token ?? inEnv) };
  const found = file?.profiles[name];
  if (file === undefined || found === undefined) throw unknownProfile(name, file, env);
  const kept = found.token ?? (found.token_env === undefined ? undefined : env[found.token_env]);
  if (found.token_env !== undefined && !kept)
    throw new Mistake(`profile "${name}" takes its token from ${found.token_env}, which is not set`);
  return { url: found.url, ...tokenOf(token ?? kept), profile: name };
}

const tokenOf = (token: string | undefined) => (token ? { token } : {});

function unknownProfile(name: string, file: Profiles | undefined, env: Environment): Mistake {
  if (file === undefined) return new Mistake(`there is no profile "${name}": there is no file ${profilesPath(env)}`);
  const names = Object.keys(file.profiles).join(", ") || "none";
  return new Mistake(`there is no profile "${name}" in ${file.path}; it has: ${names}\nTry: baton profiles`);
}

/** Undefined where there is no such file. Throws a `Mistake` where it is wrong; what it holds is not quoted. */
export function readProfiles(env: Environment = process.env): Profiles | undefined {
  const path = profilesPath(env);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    throw new Mistake(`${path} is no JSON`);
  }
  const faults = faultsOf(read);
  if (faults.length > 0) throw new Mistake(faults.map((fault) => `${path}: ${fault}`).join("\n"));
  const { default: standard, profiles = {} } = read as Omit<Profiles, "path" | "isOpen">;
  const holdsToken = Object.values(profiles).some(({ token }) => token !== undefined);
  const isOpen = holdsToken && process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0;
  return { path, ...(standard === undefined ? {} : { default: standard }), profiles, isOpen };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function faultsOf(read: unknown): string[] {
  if (!isObject(read)) return ['takes an object: {"default": "name", "profiles": {"name": {"url": "https://…"}}}'];
  const { default: standard, profiles = {}, ...others } = read;
  const faults = Object.keys(others).map((name) => `"${name}" is not a known field: default, profiles`);
  if (!isObject(profiles)) return [...faults, "profiles takes an object, by name"];
  if (standard !== undefined && !(typeof standard === "string" && Object.hasOwn(profiles, standard)))
    faults.push("default takes the name of one of the profiles");
  for (const [name, profile] of Object.entries(profiles)) faults.push(...ofProfile(`profiles.${name}`, profile));
  return faults;
}

function ofProfile(path: string, profile: unknown): string[] {
  if (!isObject(profile)) return [`${path} takes an object with "url"`];
  const { url, token, token_env: variable, ...others } = profile;
  const faults = Object.keys(others).map((name) => `${path}.${name} is not a known field: url, token, token_env`);
  const { protocol } = (typeof url === "string" ? URL.parse(url) : null) ?? {};
  if (protocol !== "http:" && protocol !== "https:")
    faults.push(`${path}.url takes a URL as https://baton.example.com`);
  for (const [field, value] of Object.entries({ token, token_env: variable }))
    if (value !== undefined && (typeof value !== "string" || value === ""))
      faults.push(`${path}.${field} takes a text`);
  if (token !== undefined && variable !== undefined) faults.push(`${path} takes token or token_env, not both`);
  return faults;
}
