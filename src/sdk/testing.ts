// What the entry @baton/sdk/testing exports: a Baton inside a test.
export type { FakeBatch, FakeEvent } from "./testing/batch.ts";
export { type FakeBaton, type FakeOptions, fakeBaton, type RunOptions } from "./testing/fake.ts";
export type { MadeCall, Service, Services } from "./testing/services.ts";
