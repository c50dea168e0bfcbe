// What went wrong with a call that got no answer: one plain sentence a user may read, and what kind of failure it is. Raw
// codes of the system, of TLS and of the HTTP client stop here: whatever is not in these tables gets a general sentence.
// Pure; the errors are described by their fields alone.

/**
 * - `unreachable`: the connection could not be made, for reasons on the receiver's side.
 * - `local`: not sent for reasons of this machine or process: no descriptor, no port, no network, no name server, no time.
 * - `blocked`: the policy on receivers refuses the address.
 * - `tls`: the handshake failed.
 * - `invalid`: no request can be made of the action.
 * - `closed`: the connection broke before an answer came.
 * - `late`: no answer came in time.
 * - `garbled`: what came is no HTTP answer.
 * - `cut_off`: this process ends. That says nothing of the receiver, and another process makes the call.
 */
export type FaultKind =
  | "unreachable"
  | "local"
  | "blocked"
  | "tls"
  | "invalid"
  | "closed"
  | "late"
  | "garbled"
  | "cut_off";

/** With these another try may fare better, where not a byte left. */
export const isUnsent = (kind: FaultKind): boolean => ["unreachable", "local", "cut_off"].includes(kind);

export interface CallFault {
  readonly kind: FaultKind;
  readonly says: string;
}

/** The fields of an error that say what it is. */
export interface ErrorFields {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  /** Which system call failed: tells a failure to connect from one on an open connection. */
  readonly syscall?: unknown;
  /** One for each address of a name. */
  readonly errors?: unknown;
}

/** `isSent`: bytes of the request may have left. `connectMs`: how long connecting may take. */
export function faultOf(error: unknown, isSent: boolean, connectMs: number): CallFault {
  const { errors } = fieldsOf(error);
  if (!Array.isArray(errors) || errors.length === 0) return faultOfOne(fieldsOf(error), isSent, connectMs);
  // One for each address of a name: an address that this machine has no network for says less than one that refused.
  const faults = errors.map((one) => faultOfOne(fieldsOf(one), isSent, connectMs));
  return faults.find(({ kind }) => kind === "unreachable") ?? (faults[0] as CallFault);
}

function faultOfOne({ code: raw, name, message, syscall }: ErrorFields, isSent: boolean, connectMs: number): CallFault {
  const code = String(raw ?? "");
  if (!isSent && connectTimeouts.has(code)) return connectTimedOut(connectMs);
  if (!isSent && (!ofOpenConnections.has(code) || syscall === "connect")) {
    const fault = connecting[code];
    if (fault !== undefined) return fault;
  }
  // Connected, and nothing sent yet: only a handshake lies between.
  if (!isSent && ofOpenConnections.has(code)) return tls("the connection broke during the handshake");
  // An answer 101. It came, so the call is not made again, unlike one whose connection closed.
  if (code === "UND_ERR_SOCKET" && message === "bad upgrade") return switched;
  const known = codes[code];
  if (known !== undefined) return known;
  if (isTls(code)) return tls(tlsWords(code));
  if (code.startsWith("HPE_") || name === "HTTPParserError") return notHttp;
  return { kind: isSent ? "closed" : "local", says: "the call failed" };
}

export const connectTimedOut = (ms: number): CallFault => ({
  kind: "unreachable",
  says: `connect timed out after ${seconds(ms)} s`,
});
export const noAnswer = (ms: number): CallFault => ({ kind: "late", says: `no answer within ${seconds(ms)} s` });
export const shutDown: CallFault = { kind: "cut_off", says: "shut down" };
export const notSentInTime: CallFault = { kind: "local", says: "not sent in time" };

const seconds = (ms: number) => String(Math.round(ms / 100) / 10);
const fieldsOf = (error: unknown): ErrorFields => (typeof error === "object" && error !== null ? error : {});

const unreachable = (says: string): CallFault => ({ kind: "unreachable", says });
const local = (says: string): CallFault => ({ kind: "local", says });
const invalid: CallFault = { kind: "invalid", says: "request not valid" };
const notHttp: CallFault = { kind: "garbled", says: "not an HTTP answer" };
const switched: CallFault = { kind: "garbled", says: "switched to another protocol unasked" };
const reset: CallFault = { kind: "closed", says: "connection reset" };
const noDescriptor = local("no file descriptor was free");
const noPort = local("no local port was free");
const noMemory = local("no memory for a connection");

const tls = (says: string): CallFault => ({ kind: "tls", says: `TLS: ${says}` });

const connectTimeouts = new Set(["UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"]);
/** Codes that come from connecting and from an open connection alike. */
const ofOpenConnections = new Set(["ECONNRESET", "ECONNABORTED", "EPIPE", "UND_ERR_SOCKET"]);

const connecting: Readonly<Record<string, CallFault>> = {
  ECONNREFUSED: unreachable("connect refused"),
  ECONNRESET: unreachable("connect reset"),
  ECONNABORTED: unreachable("connect reset"),
  EPIPE: unreachable("connect reset"),
  ENOTFOUND: unreachable("host not found"),
  ENODATA: unreachable("host not found"),
  EHOSTUNREACH: unreachable("host unreachable"),
  EHOSTDOWN: unreachable("host unreachable"),
  ENETUNREACH: local("network unreachable"),
  ENETDOWN: local("network unreachable"),
  EAI_AGAIN: local("host name could not be looked up"),
  EAI_FAIL: local("host name could not be looked up"),
  ESERVFAIL: local("host name could not be looked up"),
  EMFILE: noDescriptor,
  ENFILE: noDescriptor,
  ENOBUFS: noMemory,
  ENOMEM: noMemory,
  EADDRNOTAVAIL: noPort,
  EADDRINUSE: noPort,
  EACCES: local("connect not permitted on this machine"),
  EPERM: local("connect not permitted on this machine"),
  EAFNOSUPPORT: local("this machine has no network for such an address"),
  EINVAL: local("this machine has no network for such an address"),
};

const codes: Readonly<Record<string, CallFault>> = {
  ECONNRESET: reset,
  ECONNABORTED: reset,
  EPIPE: reset,
  UND_ERR_SOCKET: { kind: "closed", says: "connection closed by the receiver" },
  ETIMEDOUT: { kind: "closed", says: "connection lost" },
  EHOSTUNREACH: { kind: "closed", says: "connection lost" },
  ENETUNREACH: { kind: "closed", says: "connection lost" },
  ENETDOWN: { kind: "closed", says: "connection lost" },
  UND_ERR_HEADERS_TIMEOUT: { kind: "late", says: "no answer in time" },
  UND_ERR_BODY_TIMEOUT: { kind: "late", says: "no answer in time" },
  UND_ERR_HEADERS_OVERFLOW: { kind: "garbled", says: "answer's headers too large" },
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: notHttp,
  UND_ERR_RES_EXCEEDED_MAX_SIZE: { kind: "garbled", says: "answer too long" },
  UND_ERR_INVALID_ARG: invalid,
  UND_ERR_INVALID_RETURN_VALUE: invalid,
  UND_ERR_NOT_SUPPORTED: invalid,
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: invalid,
  ERR_INVALID_URL: invalid,
  ERR_INVALID_CHAR: invalid,
  UND_ERR_ABORTED: shutDown,
  UND_ERR_ABORT: shutDown,
  UND_ERR_INFO: shutDown,
  UND_ERR_DESTROYED: shutDown,
  UND_ERR_CLOSED: shutDown,
};

const isTls = (code: string): boolean =>
  code in certificates || /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|UNABLE_TO_|ERROR_IN_|EPROTO$)/.test(code);

function tlsWords(code: string): string {
  const known = certificates[code] ?? reasons.find(([pattern]) => pattern.test(code))?.[1];
  return known ?? (/^(CERT|CRL|UNABLE_TO|ERROR_IN)_/.test(code) ? "certificate not valid" : "the handshake failed");
}

const unknownIssuer = "certificate of an unknown issuer";
const certificates: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "certificate chain is self-signed",
  UNABLE_TO_GET_ISSUER_CERT: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownIssuer,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownIssuer,
  CERT_UNTRUSTED: unknownIssuer,
  CERT_HAS_EXPIRED: "certificate has expired",
  CERT_NOT_YET_VALID: "certificate is not valid yet",
  CERT_REVOKED: "certificate was revoked",
  CERT_CHAIN_TOO_LONG: "certificate chain is too long",
  CERT_REJECTED: "certificate is not for this purpose",
  INVALID_PURPOSE: "certificate is not for this purpose",
  INVALID_CA: "certificate of an invalid issuer",
  PATH_LENGTH_EXCEEDED: "certificate chain is too long",
  HOSTNAME_MISMATCH: "certificate is for another name",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate is for another name",
  ERR_TLS_CERT_ALTNAME_FORMAT: "certificate is for another name",
  OUT_OF_MEM: "the handshake failed",
};

/** OpenSSL makes a code of each of its reasons; these are the ones that say something to an operator. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|RECORD_LAYER/,
    "the receiver does not speak TLS on this port",
  ],
  [/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS/, "no common version of the protocol"],
  [/CERTIFICATE_REQUIRED/, "the receiver wants a client certificate"],
  [/UNRECOGNIZED_NAME/, "the receiver does not know this name"],
  [/UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_(EXPIRED|REVOKED|UNKNOWN)/, "the receiver refused our certificate"],
  [/NO_CIPHER|HANDSHAKE_FAILURE|DH_KEY|KEY_TOO_SMALL/, "no common cipher"],
  [/HANDSHAKE_TIMEOUT/, "the handshake took too long"],
];
