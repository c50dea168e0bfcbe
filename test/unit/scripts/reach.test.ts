// `npm start` is for this machine: where it listens, what its actions may call, and that the banner says both as they are.
import { expect, it } from "vitest";
import { loadConfig } from "#config";
import { hostFault, makePolicy } from "#domain/calls/guard";
import { authority, reachable, reachLines } from "../../../scripts/reach.mjs";

const servers = { DATABASE_URL: "postgres://localhost/x", NATS_URL: "nats://localhost" };
const config = (env: Record<string, string>) => loadConfig(reachable({ ...servers, ...env }, 8085));
const says = (env: Record<string, string>) => reachLines(reachable(env, 8085)).map(([, text]) => text);

it("listens on 127.0.0.1 alone, and says so in the handles", () => {
  expect(config({})).toMatchObject({ listenHost: "127.0.0.1", hostUrl: "http://127.0.0.1:8085" });
  expect(config({ LISTEN_HOST: "0.0.0.0" })).toMatchObject({ listenHost: "0.0.0.0", hostUrl: "http://127.0.0.1:8085" });
  expect(config({ LISTEN_HOST: "10.1.2.3", HOST_URL: "https://b" })).toMatchObject({ hostUrl: "https://b" });
  expect(["::", "::1", "[::1]", "10.1.2.3", "box"].map(authority)).toEqual([
    "[::1]",
    "[::1]",
    "[::1]",
    "10.1.2.3",
    "box",
  ]);
});

it.each<[string, Record<string, string>]>([
  ["without settings", {}],
  ["beside the user's own", { ALLOWED_CIDRS: "10.0.0.0/8", ALLOWED_HOSTNAMES: "db" }],
])("lets actions call this machine, by name and by address, %s", (_, env) => {
  const policy = makePolicy(config(env));
  for (const host of ["localhost", "127.0.0.1", "127.9.9.9"]) expect(hostFault(host, policy)).toBeUndefined();
  expect(hostFault("192.168.1.1", policy)).toMatchObject({ rule: "private" });
  const own = Object.keys(env).length > 0;
  expect([hostFault("10.1.1.1", policy), hostFault("db", policy)]).toEqual([
    own ? undefined : expect.objectContaining({ rule: "private" }),
    undefined,
  ]);
});

it("says from where it is reached, whether a token is needed, and what actions may call", () => {
  expect(says({}).slice(0, 2)).toEqual([
    "this machine alone, without a token (LISTEN_HOST=0.0.0.0: others, too)",
    "public addresses, and this machine: localhost and 127.0.0.0/8 (npm run serve does not allow these)",
  ]);
  expect(says({ LISTEN_HOST: "0.0.0.0" })[0]).toBe("whoever reaches any address of this machine, without a token");
  expect(says({ LISTEN_HOST: "10.1.2.3", AUTH_TOKEN: "x" })[0]).toBe("whoever reaches 10.1.2.3, with a token");
  expect(says({ SKIP_SSRF_VALIDATION: "1" })[1]).toBe("every address (SKIP_SSRF_VALIDATION)");
});

it("says whether its calls and their handles are signed, and by which setting", () => {
  const WEBHOOK_SIGNING_SECRET = `whsec_${Buffer.alloc(24).toString("base64")}`;
  const HANDLE_SECRET = "for handles";
  expect(says({})[2]).toBe("not signed (no WEBHOOK_SIGNING_SECRET); nor are their handles (no HANDLE_SECRET)");
  expect(says({ WEBHOOK_SIGNING_SECRET: "", HANDLE_SECRET: "" })[2]).toBe(says({})[2]);
  expect(says({ WEBHOOK_SIGNING_SECRET })[2]).toBe(
    "signed (WEBHOOK_SIGNING_SECRET); their handles are not (no HANDLE_SECRET)",
  );
  expect(says({ HANDLE_SECRET })[2]).toBe("not signed (no WEBHOOK_SIGNING_SECRET); their handles are (HANDLE_SECRET)");
  expect(says({ WEBHOOK_SIGNING_SECRET, HANDLE_SECRET })[2]).toBe(
    "signed (WEBHOOK_SIGNING_SECRET), and so are their handles (HANDLE_SECRET)",
  );
  // As Baton itself reads them.
  const read = config({ WEBHOOK_SIGNING_SECRET: "", HANDLE_SECRET: "" });
  expect([read.webhookSigningSecret, read.handleSecret]).toEqual([[], undefined]);
});
