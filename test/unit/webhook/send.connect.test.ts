// Connections that cannot be made: which leave a call unsent, and which fail it.
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { verdictOf } from "#domain/calls/circuit";
import type { HttpRequest } from "#domain/calls/webhook";
import { makeSender, type Sender, type SenderOptions } from "#webhook/send";

const ends: (() => unknown)[] = [];
afterAll(() => Promise.all(ends.map((end) => end())));

function sender(options: Partial<SenderOptions> = {}): Sender {
  const settings = { webhookHostConcurrency: 4, webhookConnectTimeoutSecs: 1, webhookTimeoutSecs: 10 };
  const made = makeSender({ ...settings, ...options });
  ends.push(() => made.close());
  return made;
}

/** Answers whatever comes with these bytes; null hangs up. */
async function raw(bytes: string | null): Promise<{ origin: string }> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {}).on("data", () => (bytes === null ? socket.destroy() : socket.end(bytes)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  ends.push(() => server.close());
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
const to = (origin: string): HttpRequest => ({ origin, path: "/", method: "POST", headers: [], body: "{}" });

describe("a connection that cannot be made", () => {
  const failing = (fields: object) =>
    sender({ connect: (_options, callback) => callback(Object.assign(new Error("x"), fields), null) });
  const connecting = (code: string) => ({ code, syscall: "connect" });

  it.each([
    connecting("ECONNREFUSED"),
    connecting("EHOSTUNREACH"),
    connecting("ENETUNREACH"),
    connecting("ECONNRESET"),
    connecting("ETIMEDOUT"),
    { code: "ENOTFOUND", syscall: "getaddrinfo" },
    { code: "UND_ERR_CONNECT_TIMEOUT" },
  ])("%j leaves the call unsent: another try may fare better", async (fields) => {
    expect(await failing(fields).send(to("http://127.0.0.1:1"))).toMatchObject({ end: "unsent", sent: false });
  });

  it.each([
    { code: "CERT_HAS_EXPIRED" },
    { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    { code: "ERR_TLS_CERT_ALTNAME_INVALID" },
    { code: "EPROTO", syscall: "write" },
    { code: "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE" },
    { code: "ECONNRESET" },
  ])("%j, in a handshake, fails it at once", async (fields) => {
    expect(await failing(fields).send(to("https://127.0.0.1:1"))).toMatchObject({
      ...{ end: "failed", sent: false, fault: "tls", error: expect.stringMatching(/^TLS: /) },
    });
  });

  it("because the receiver speaks no TLS says so", async () => {
    const { origin } = await raw("HTTP/1.1 400 Bad Request\r\n\r\n");
    expect(await sender().send(to(origin.replace("http:", "https:")))).toMatchObject({
      ...{ end: "failed", sent: false, error: "TLS: the receiver does not speak TLS on this port" },
    });
  });

  it("because the receiver hangs up in the handshake is one of TLS", async () => {
    const { origin } = await raw(null);
    expect(await sender().send(to(origin.replace("http:", "https:")))).toMatchObject({ end: "failed", fault: "tls" });
  });
});

describe("what this machine could not do", () => {
  it.each(["EMFILE", "ENFILE", "ENOBUFS", "EADDRNOTAVAIL", "ENETUNREACH", "EAI_AGAIN"])(
    "%s is said in words that no circuit counts",
    async (code) => {
      const broken = Object.assign(new Error(code), { code });
      const { send } = sender({ connect: (_options, callback) => callback(broken, null) });
      const result = await send(to("http://127.0.0.1:1"));
      expect(result).toMatchObject({ end: "unsent", ok: false, status: null, sent: false });
      expect(result.error).not.toContain(code);
      expect(verdictOf(result, new Date())).toBeNull();
    },
  );
});
