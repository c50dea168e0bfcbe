// What the package @baton/sdk exports.
export { BuildError, batch } from "./build/batch.ts";
export {
  type BuiltTask,
  type Edge,
  from,
  type Input,
  type Inputs,
  message,
  type Needs,
  needs,
  type TaskFields,
  task,
  wait,
  webhook,
} from "./build/task.ts";
export * from "./client.ts";
export type { Answer as ServiceAnswer, Call as ServiceCall } from "./service/call.ts";
export { type Handler, type HandlerOptions, handler, type Notice } from "./service/handler.ts";
export { type Ledger, memoryLedger } from "./service/ledger.ts";
export type { OnRefused, Refused } from "./service/refused.ts";
export { Over, type RunningTask, type Start, type Work } from "./service/running.ts";
export { type CallHeaders, verify, WebhookVerificationError } from "./verify.ts";
