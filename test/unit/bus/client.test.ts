// What NATS_URL says to the client: the servers, and who is connecting. A server that is too old counts as one that is away.
import { createServer, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { openBus, serversOf } from "#bus/client";
import { makeLogger } from "#telemetry/log";
import { until } from "#test/until";

it.each([
  ["nats://a:4222", { servers: ["a:4222"] }],
  ["nats://a,nats://[::1]:4333", { servers: ["a", "[::1]:4333"] }],
  ["nats://api:s3cret@a:4222,nats://b:4222", { servers: ["a:4222", "b:4222"], user: "api", pass: "s3cret" }],
  ["nats://api:p%40ss%2Fword@a", { servers: ["a"], user: "api", pass: "p@ss/word" }],
  ["nats://token@a", { servers: ["a"], token: "token" }],
  ["tls://a,tls://b", { servers: ["a", "b"], tls: {} }],
  ["tls://a,nats://b", { servers: ["a", "b"] }],
])("%s", (url, expected) => expect(serversOf(url)).toEqual(expected));

/** Greets as a server of this version does, answers pings, and keeps what clients publish. */
async function greeter(version: () => string) {
  const said: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const info = {
      server_id: "x",
      server_name: "old-1",
      version: version(),
      proto: 1,
      headers: true,
      max_payload: 1_048_576,
    };
    socket.write(`INFO ${JSON.stringify({ ...info, jetstream: true })}\r\n`);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      said.push(
        ...bytes
          .toString()
          .split("\r\n")
          .filter((line) => line.startsWith("PUB") || line.startsWith("HPUB")),
      );
      if (bytes.includes("PING\r\n")) socket.write("PONG\r\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  return { url: `nats://127.0.0.1:${port}`, said, hangUp };
}

it("a server that is too old is refused with one line, asked for nothing, and looked at again when it comes back", async () => {
  let version = "2.12.3";
  const { url, said, hangUp } = await greeter(() => version);
  const lines: { level: string; msg: string; server?: string }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const config = { natsUrl: url, natsReplicas: 1 as const, roles: new Set<"worker">(["worker"]) };
  const bus = openBus(config, "test", makeLogger({ logLevel: "info" }, "test", { write }));
  onTestFinished(() => bus.close());
  const refusals = () => lines.filter(({ level }) => level === "error");
  await until(() => refusals().length > 0);
  await bus.ensure();
  await bus.ensure();
  expect(bus.up).toBe(false);
  expect(said).toEqual([]);
  expect(refusals()).toMatchObject([
    { server: "old-1", msg: expect.stringMatching(/is 2\.12\.3, and Baton needs 2\.14\.0 or newer: upgrade it/) },
  ]);
  version = "2.14.0";
  hangUp();
  await until(
    () => said.some((line) => line.includes("$JS.API")),
    10_000,
    "the upgraded server is asked for its streams",
  );
  expect(refusals()).toHaveLength(1);
});
