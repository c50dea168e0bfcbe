// A process of its own: what a PUT would be with no state behind it. A bare Fastify route that parses the body and answers 202.
import Fastify from "fastify";
import type { FloorApiTell } from "./messages.ts";

const app = Fastify({ logger: false, keepAliveTimeout: 120_000 });
app.put<{ Params: { id: string } }>("/task/:id", async (request, reply) =>
  reply.code(202).send({ id: request.params.id }),
);
process.on("disconnect", () => process.exit(0));
const message: FloorApiTell = { url: await app.listen({ port: 0, host: "127.0.0.1" }) };
process.send?.(message);
