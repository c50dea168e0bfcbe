// What `handler` refuses to be made with: each error names the option and what is allowed, and shows no secret.
import { expect, it } from "vitest";
import { type HandlerOptions, handler } from "../../../../src/sdk/index.ts";
import { secret } from "./stage.ts";

const made = (options: object) => () =>
  handler({ secrets: secret, baton: "http://127.0.0.1:8085", ...options } as HandlerOptions, () => {});
function faultOf(options: object): string {
  try {
    made(options)();
  } catch (error) {
    if (error instanceof TypeError) return error.message;
    throw error;
  }
  return "none";
}

it.each<[string, unknown, string]>([
  ["plain text", "hunter2", "does not begin with whsec_"],
  ["base64 that is short of its padding", "whsec_abc", "has no base64 behind whsec_"],
  ["nothing behind whsec_", "whsec_", "has no base64 behind whsec_"],
  ["an empty text", "", "is empty"],
  ["an empty list", [], "the list is empty"],
  ["a list with one that is none", [secret, "hunter2"], "entry 2 of 2 does not begin with whsec_"],
  ["two in one text, as in Baton's setting", `${secret},${secret}`, "has no base64 behind whsec_"],
  ["undefined, in JavaScript", undefined, "is undefined"],
  ["a number, in JavaScript", 5, "is a number"],
  ["a list with undefined, in JavaScript", [undefined], "is undefined"],
])("refuses as secrets %s", (_, secrets, fault) => {
  const said = faultOf({ secrets });
  const allowed =
    "give whsec_<base64>, as in Baton's WEBHOOK_SIGNING_SECRET, or a list of these; null believes every call";
  expect(said).toContain(`secrets: ${fault}; ${allowed}`);
  for (const shown of ["hunter2", "abc", secret]) expect(said).not.toContain(shown);
});

it.each<[unknown, string]>([
  ["127.0.0.1:8085", 'baton: "127.0.0.1:8085" is no http or https URL'],
  ["localhost:8085", 'baton: "localhost:8085" is no http or https URL'],
  ["nats://127.0.0.1", 'baton: "nats://127.0.0.1" is no http or https URL'],
  ["", 'baton: "" is no http or https URL'],
  [undefined, "baton: is no http or https URL"],
  ["http://127.0.0.1:8085/?x=1", 'baton: "http://127.0.0.1:8085/?x=1" has a query or fragment'],
  ["http://me:hunter2@127.0.0.1", 'baton: "…@127.0.0.1" has a user or password in it'],
])("refuses as the address of Baton %j", (baton, fault) => {
  expect(faultOf({ baton })).toBe(
    `${fault}; give the address of Baton, as in its HOST_URL, such as "http://127.0.0.1:8085"`,
  );
});

it.each<[string, object]>([
  ["one secret", {}],
  ["several", { secrets: [secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] }],
  ["none at all", { secrets: null }],
  ["a path in the address", { baton: "https://example.com/tools/baton/" }],
])("takes %s", (_, options) => expect(made(options)).not.toThrow());
