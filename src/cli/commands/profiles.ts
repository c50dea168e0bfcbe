// `baton profiles`: the Batons of the file of profiles, and which one is meant. Tokens are not shown.
import { exits, type Settings } from "../context.ts";
import { profilesPath, readProfiles } from "../profiles.ts";
import { columns } from "../screen/columns.ts";
import { openTerminal } from "../screen/terminal.ts";

export async function profiles({ profile, json }: Pick<Settings, "profile" | "json">): Promise<number> {
  const file = readProfiles();
  const meant = profile ?? (process.env.BATON_PROFILE || file?.default);
  const found = Object.entries(file?.profiles ?? {}).map(([name, one]) => ({
    ...{ name, url: one.url, is_meant: name === meant },
    token: one.token !== undefined ? "in the file" : one.token_env !== undefined ? `in ${one.token_env}` : "none",
  }));
  if (json) process.stdout.write(`${JSON.stringify({ path: profilesPath(process.env), profiles: found }, null, 2)}\n`);
  else {
    const terminal = openTerminal(process.stdout, true);
    const rows = found.map(({ name, url, token, is_meant: isMeant }) => [isMeant ? "*" : "", name, url, token]);
    for (const line of found.length > 0 ? columns(["", "NAME", "URL", "TOKEN"], rows, terminal) : none())
      terminal.print(line);
  }
  return exits.success;
}

const none = (): string[] => [
  `no profiles in ${profilesPath(process.env)}`,
  'Try: {"default": "prod", "profiles": {"prod": {"url": "https://baton.example.com", "token_env": "PROD_TOKEN"}}}',
];
