// Which Baton a command talks to, and that the token of a profile goes nowhere else and is printed nowhere.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { connectionOf, profilesPath, readProfiles } from "../../../src/cli/profiles.ts";
import { makeProgram } from "../../../src/cli/program.ts";

const home = mkdtempSync(join(tmpdir(), "baton-profiles-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const none = { HOME: join(home, "nobody") };
const file = {
  default: "test",
  profiles: {
    test: { url: "https://test.example.com", token: "tok-test" },
    prod: { url: "https://baton.example.com", token_env: "PROD_TOKEN" },
    open: { url: "http://127.0.0.1:9" },
  },
};
function environment(content: unknown, mode = 0o600): { XDG_CONFIG_HOME: string } {
  const config = mkdtempSync(join(home, "config-"));
  mkdirSync(join(config, "baton"));
  const path = join(config, "baton/config.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  chmodSync(path, mode);
  return { XDG_CONFIG_HOME: config };
}
const kept = environment(file);

it("takes options, then BATON_URL, then BATON_PROFILE, then the default of the file, then this machine", () => {
  const env = { ...kept, BATON_URL: "https://env.example.com", BATON_TOKEN: "tok-env", BATON_PROFILE: "open" };
  expect(connectionOf({ url: "http://127.0.0.1:1" }, env)).toEqual({ url: "http://127.0.0.1:1", token: "tok-env" });
  expect(connectionOf({}, env)).toEqual({ url: "https://env.example.com", token: "tok-env" });
  expect(connectionOf({}, { ...env, BATON_URL: "" })).toEqual({ url: "http://127.0.0.1:9", profile: "open" });
  expect(connectionOf({}, kept)).toEqual({ url: "https://test.example.com", token: "tok-test", profile: "test" });
  expect(connectionOf({}, { ...none, PORT: "99" })).toEqual({ url: "http://127.0.0.1:99" });
  expect(connectionOf({ token: "mine" }, none)).toEqual({ url: "http://127.0.0.1:8085", token: "mine" });
});

it("sends a token of the environment to no profile, and that of a profile to no other address", () => {
  const env = { ...kept, BATON_URL: "https://env.example.com", BATON_TOKEN: "tok-env" };
  expect(connectionOf({ profile: "open" }, env)).toEqual({ url: "http://127.0.0.1:9", profile: "open" });
  expect(connectionOf({ profile: "open", token: "mine" }, env)).toMatchObject({ token: "mine" });
  expect(connectionOf({}, { ...env, BATON_TOKEN: "", BATON_PROFILE: "test" })).toEqual({
    url: "https://env.example.com",
  });
  expect(connectionOf({ profile: "prod" }, { ...env, PROD_TOKEN: "p" })).toMatchObject({ token: "p" });
});

it.each([
  [{ url: "http://x", profile: "test" }, file, "--url and --profile both say where Baton is"],
  [{ profile: "stage" }, file, 'there is no profile "stage" in '],
  [{ profile: "prod" }, file, 'profile "prod" takes its token from PROD_TOKEN, which is not set'],
  [{}, "{ tok-secret", "is no JSON"],
  [{}, [], "takes an object"],
  [{}, { profile: {} }, '"profile" is not a known field'],
  [{}, { default: "x", profiles: {} }, "default takes the name of one of the profiles"],
  [{}, { profiles: { a: { url: "ftp://x" } } }, "profiles.a.url takes a URL"],
  [{}, { profiles: { a: { url: "http://x", tokn: "tok-secret" } } }, "profiles.a.tokn is not a known field"],
  [{}, { profiles: { a: { url: "http://x", token: "tok-secret", token_env: "X" } } }, "not both"],
])("says what is wrong with %j, without a token: %#", (asked, content, says) => {
  const run = () => connectionOf(asked, environment(content));
  expect(run).toThrow(says);
  expect(run).not.toThrow(/tok-secret/);
});

it("follows XDG_CONFIG_HOME, and sees a file with a token that others can read", () => {
  expect(profilesPath({ HOME: "/h" })).toBe("/h/.config/baton/config.json");
  expect(readProfiles(none)).toBeUndefined();
  expect(readProfiles(kept)?.isOpen).toBe(false);
  expect(readProfiles(environment(file, 0o644))?.isOpen).toBe(true);
  expect(readProfiles(environment({ profiles: { open: file.profiles.open } }, 0o644))?.isOpen).toBe(false);
});

it("lists profiles and marks the one that is meant, without a token", async () => {
  vi.stubEnv("XDG_CONFIG_HOME", kept.XDG_CONFIG_HOME);
  vi.stubEnv("BATON_PROFILE", "prod");
  let out = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text;
    return true;
  });
  await makeProgram(() => {}).parseAsync(["node", "baton", "profiles"]);
  await makeProgram(() => {}).parseAsync(["node", "baton", "--json", "profiles"]);
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  expect(out).toMatch(/^\* +prod +https:\/\/baton\.example\.com +in PROD_TOKEN$/m);
  expect(out).toMatch(/^ +test +https:\/\/test\.example\.com +in the file$/m);
  expect(out).toContain('"is_meant": true');
  expect(out).not.toContain("tok-test");
});
