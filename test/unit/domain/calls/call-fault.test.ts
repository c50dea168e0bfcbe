// Every code that a call can fail with becomes a plain sentence and a kind; no code of a library is ever shown to a user.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { getSystemErrorMap } from "node:util";
import { describe, expect, it } from "vitest";
import { type FaultKind, faultOf, isUnsent, noAnswer, notSentInTime } from "#domain/calls/call-fault";
import { verdictOf } from "#domain/calls/circuit";

const systemCodes = [...getSystemErrorMap().values()].map(([name]) => name);
const dnsCodes = [
  "ENOTFOUND",
  "ENODATA",
  "ESERVFAIL",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EAI_NODATA",
  "EAI_NONAME",
  "EAI_MEMORY",
];
/** As the HTTP client spells them in its own file of errors. */
const undici = readFileSync(createRequire(import.meta.url).resolve("undici/lib/core/errors.js"), "utf8");
const clientCodes = [...undici.matchAll(/code = '([A-Z_0-9]+)'/g)].map(([, code = ""]) => code);
const parserCodes = [
  "HPE_INVALID_CONSTANT",
  "HPE_INVALID_VERSION",
  "HPE_CLOSED_CONNECTION",
  "HPE_INVALID_HEADER_TOKEN",
];
// As node:tls documents them; a failed handshake has one of OpenSSL's own, of which there are hundreds.
const certificateCodes = `
  UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_CRL UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECRYPT_CRL_SIGNATURE
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY CERT_SIGNATURE_FAILURE CRL_SIGNATURE_FAILURE CERT_NOT_YET_VALID CERT_HAS_EXPIRED
  CRL_NOT_YET_VALID CRL_HAS_EXPIRED ERROR_IN_CERT_NOT_BEFORE_FIELD ERROR_IN_CERT_NOT_AFTER_FIELD
  ERROR_IN_CRL_LAST_UPDATE_FIELD ERROR_IN_CRL_NEXT_UPDATE_FIELD OUT_OF_MEM DEPTH_ZERO_SELF_SIGNED_CERT
  SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE CERT_CHAIN_TOO_LONG
  CERT_REVOKED INVALID_CA PATH_LENGTH_EXCEEDED INVALID_PURPOSE CERT_UNTRUSTED CERT_REJECTED HOSTNAME_MISMATCH
  ERR_TLS_CERT_ALTNAME_INVALID ERR_TLS_CERT_ALTNAME_FORMAT`
  .trim()
  .split(/\s+/);
const handshakeCodes = `
  EPROTO ERR_TLS_HANDSHAKE_TIMEOUT ERR_TLS_DH_PARAM_SIZE ERR_TLS_REQUIRED_SERVER_NAME ERR_SSL_WRONG_VERSION_NUMBER
  ERR_SSL_PACKET_LENGTH_TOO_LONG ERR_SSL_HTTP_REQUEST ERR_SSL_UNSUPPORTED_PROTOCOL ERR_SSL_NO_PROTOCOLS_AVAILABLE
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE ERR_SSL_TLSV1_UNRECOGNIZED_NAME
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED ERR_SSL_TLSV1_ALERT_UNKNOWN_CA ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE
  ERR_SSL_NO_SHARED_CIPHER ERR_SSL_DH_KEY_TOO_SMALL ERR_SSL_EE_KEY_TOO_SMALL ERR_SSL_SOMETHING_NEW ERR_OSSL_EVP_UNSUPPORTED`
  .trim()
  .split(/\s+/);

it("knows the codes of the HTTP client", () => {
  expect(clientCodes).toEqual(expect.arrayContaining(["UND_ERR_SOCKET", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"]));
  expect(systemCodes.length).toBeGreaterThan(50);
});

describe.each([true, false])("where the request left: %s", (isSent) => {
  it.each([...systemCodes, ...dnsCodes, ...clientCodes, ...parserCodes, ...certificateCodes, ...handshakeCodes, ""])(
    "%s becomes words",
    (code) => {
      for (const syscall of [undefined, "connect", "getaddrinfo", "read", "write"]) {
        const { says } = faultOf(Object.assign(new Error("secret"), { code, syscall }), isSent, 3_000);
        expect(says).toMatch(/^(TLS: )?[a-z][A-Za-z0-9 ,.'-]+$/);
        expect(says.replace("HTTP", "")).not.toMatch(/[A-Z]{4,}|_|secret/);
      }
    },
  );

  it.each([null, undefined, "text", 7, {}, { code: 7 }, { errors: [] }, { errors: [null] }, new Error("secret")])(
    "%j becomes words",
    (error) => expect(faultOf(error, isSent, 3_000).says).toBe("the call failed"),
  );

  it.each([...certificateCodes, ...handshakeCodes])("%s is of TLS", (code) =>
    expect(faultOf({ code }, isSent, 3_000)).toMatchObject({ kind: "tls", says: expect.stringMatching(/^TLS: /) }),
  );
});

const connecting = (code: string) => ({ code, syscall: code.startsWith("E") ? "connect" : undefined });

describe("a connection that could not be made", () => {
  it.each<[object, FaultKind, string]>([
    [connecting("ECONNREFUSED"), "unreachable", "connect refused"],
    [connecting("ECONNRESET"), "unreachable", "connect reset"],
    [connecting("EHOSTUNREACH"), "unreachable", "host unreachable"],
    [connecting("ETIMEDOUT"), "unreachable", "connect timed out after 3 s"],
    [connecting("UND_ERR_CONNECT_TIMEOUT"), "unreachable", "connect timed out after 3 s"],
    [{ code: "ENOTFOUND", syscall: "getaddrinfo" }, "unreachable", "host not found"],
    [{ code: "EAI_AGAIN", syscall: "getaddrinfo" }, "local", "host name could not be looked up"],
    [connecting("ENETUNREACH"), "local", "network unreachable"],
    [connecting("EMFILE"), "local", "no file descriptor was free"],
    [connecting("EADDRNOTAVAIL"), "local", "no local port was free"],
    [{ code: "CERT_HAS_EXPIRED" }, "tls", "TLS: certificate has expired"],
    [{ code: "DEPTH_ZERO_SELF_SIGNED_CERT" }, "tls", "TLS: certificate is self-signed"],
    [{ code: "ERR_SSL_WRONG_VERSION_NUMBER" }, "tls", "TLS: the receiver does not speak TLS on this port"],
    [{ code: "ERR_SSL_SOMETHING_NEW" }, "tls", "TLS: the handshake failed"],
    [{ code: "ECONNRESET" }, "tls", "TLS: the connection broke during the handshake"],
    [{ code: "UND_ERR_INVALID_ARG" }, "invalid", "request not valid"],
    [{ code: "UND_ERR_DESTROYED" }, "cut_off", "shut down"],
  ])("%j", (error, kind, says) => {
    expect(faultOf(error, false, 3_000)).toEqual({ kind, says });
  });

  it("to any of several addresses is described by the one that says most of the receiver", () => {
    const errors = [connecting("ENETUNREACH"), connecting("ECONNREFUSED")];
    expect(faultOf({ code: "ENETUNREACH", errors }, false, 3_000).says).toBe("connect refused");
    expect(faultOf({ errors: [connecting("ENETUNREACH")] }, false, 3_000).says).toBe("network unreachable");
  });
});

describe("a connection that broke", () => {
  it.each<[object, FaultKind, string]>([
    [{ code: "ECONNRESET", syscall: "read" }, "closed", "connection reset"],
    [{ code: "EPIPE", syscall: "write" }, "closed", "connection reset"],
    [{ code: "UND_ERR_SOCKET", message: "other side closed" }, "closed", "connection closed by the receiver"],
    [{ code: "UND_ERR_SOCKET", message: "bad upgrade" }, "garbled", "switched to another protocol unasked"],
    [{ code: "UND_ERR_SOCKET" }, "closed", "connection closed by the receiver"],
    [{ code: "ETIMEDOUT", syscall: "read" }, "closed", "connection lost"],
    [{ code: "EHOSTUNREACH", syscall: "read" }, "closed", "connection lost"],
    [{ code: "UND_ERR_RES_CONTENT_LENGTH_MISMATCH" }, "garbled", "not an HTTP answer"],
    [{ code: "HPE_INVALID_CONSTANT" }, "garbled", "not an HTTP answer"],
    [{ code: "UND_ERR_HEADERS_OVERFLOW" }, "garbled", "answer's headers too large"],
    [{ code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" }, "tls", "TLS: the receiver wants a client certificate"],
  ])("%j", (error, kind, says) => {
    expect(faultOf(error, true, 3_000)).toEqual({ kind, says });
  });
});

/** What the page says of a start that ends so; webhook/starter.faults.test.ts proves it. */
function startWith(kind: FaultKind): string {
  if (kind === "cut_off") return "is made by another worker, under the same key";
  if (isUnsent(kind)) return "is tried again";
  return kind === "blocked" || kind === "tls" || kind === "invalid" ? "failed" : "failed; `on_cancel` follows";
}

it("docs/calls.md lists every reason, with what circuits and starts make of it", () => {
  const page = readFileSync(new URL("../../../../docs/calls.md", import.meta.url), "utf8");
  const section = page.slice(
    page.indexOf("## When there is no answer"),
    page.indexOf("## A start that could not be sent"),
  );
  const listed = new Set<string>();
  for (const [, reasons = "", , circuit, start] of section.matchAll(/^\| (`.+`) \| (.+) \| (.+) \| (.+) \|$/gm))
    for (const [, says = ""] of reasons.matchAll(/`([^`]+)`/g)) listed.add(`${says}: ${circuit}, ${start}`);
  const codes = [...systemCodes, ...dnsCodes, ...clientCodes, ...parserCodes, ...certificateCodes, ""];
  const faults = codes.flatMap((code) =>
    [true, false].flatMap((isSent) =>
      [undefined, "connect"].map((syscall) => faultOf({ code, syscall }, isSent, 3_000)),
    ),
  );
  faults.push(faultOf({ code: "UND_ERR_SOCKET", message: "bad upgrade" }, true, 3_000));
  const blocked = { kind: "blocked", says: "blocked: …" } as const;
  const emitted = [...faults, noAnswer(10_000), notSentInTime, blocked].map(({ kind: fault, says }) => {
    const verdict = verdictOf({ status: null, retryAfter: null, fault }, new Date());
    const circuit = verdict === "failed" ? "counts" : "does not count";
    return `${fault === "tls" ? "TLS: …" : says}: ${circuit}, ${startWith(fault)}`;
  });
  expect([...new Set(emitted)].toSorted()).toEqual([...listed].toSorted());
});
