// What the entry @baton/sdk/nats exports: the service side without a port. It needs @nats-io/jetstream and @nats-io/transport-node.
export { type Worker, type WorkerOptions, worker } from "./nats/worker.ts";
