// Who may ask `baton mcp --http`: names of this machine, no foreign page, and only with the token.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect, it } from "vitest";
import { guarded, serveHttp } from "../../../../src/cli/mcp/http.ts";
import { connect } from "../../../../src/sdk/client.ts";

const token = "a-token-of-two-dozen-letters";
const answer = guarded(connect("http://127.0.0.1:9", { retries: 0 }), false, { token, names: ["mcp.example.com"] });
const initialize = {
  ...{ jsonrpc: "2.0", id: 1, method: "initialize" },
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
};

const ask = (headers: Record<string, string>, path = "/mcp", host = "127.0.0.1:8787") =>
  answer(
    new Request(`http://${host}${path}`, {
      method: "POST",
      body: JSON.stringify(initialize),
      headers: {
        ...{ host, authorization: `Bearer ${token}`, "content-type": "application/json" },
        accept: "application/json, text/event-stream",
        ...headers,
      },
    }),
  );

it.each([
  ["this machine", {}],
  ["a page of this machine", { origin: "http://localhost:3000" }],
  ["a name that was allowed", { host: "mcp.example.com" }],
  ["a page of a name that was allowed", { host: "mcp.example.com", origin: "https://mcp.example.com" }],
])("lets %s ask", async (_, headers: Record<string, string>) => {
  const response = await ask(headers);
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('"name":"baton"');
});

it.each([
  ["a name that leads here (DNS rebinding)", { host: "evil.example" }, 403],
  ["a foreign page", { origin: "https://evil.example" }, 403],
  ["a page without an origin", { origin: "null" }, 403],
  ["no token", { authorization: "" }, 401],
  ["another token", { authorization: "Bearer nothing-like-the-right-one" }, 401],
  ["a token that is longer", { authorization: `Bearer ${token}x` }, 401],
])("refuses %s", async (_, headers, status) => {
  const response = await ask(headers as Record<string, string>);
  expect(response.status).toBe(status);
  expect(await response.text()).not.toContain(token);
});

it("has one path", async () => {
  expect((await ask({}, "/")).status).toBe(404);
});

it("refuses a client without the token, over a socket too", async () => {
  const served = await serveHttp(connect("http://127.0.0.1:9"), false, {
    host: "127.0.0.1",
    port: 0,
    token,
    names: [],
  });
  const one = new Client({ name: "test", version: "1" });
  await expect(one.connect(new StreamableHTTPClientTransport(new URL(served.url)))).rejects.toThrow();
  served.close();
});
