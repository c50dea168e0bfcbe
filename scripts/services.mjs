// Owns the one place from which the start script, tests and benchmarks take the services they need.
// Each call either resolves with a server that answers, or throws an error that says what to do, leaving nothing running.
export { startNats } from "./nats.mjs";
export { natsServer } from "./nats-program.mjs";
export { startPostgres } from "./postgres.mjs";
export { freeze } from "./process.mjs";
