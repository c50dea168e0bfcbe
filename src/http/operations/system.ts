// The operations on the process itself: its health, its metrics, its own description.
import { Health, Ready, WhoAmI } from "#domain/schema/answers/system";
import { operation } from "#http/operations/operation";

const page = "<!doctype html>";

/** Served in every role. */
export const statusOperations = {
  getHealth: operation({
    method: "get",
    path: "/health",
    tag: "system",
    summary: "Whether the process is alive, and whether it is degraded",
    right: "open",
    answers: { 200: { what: "Alive; degraded while Postgres or NATS is away.", schema: Health } },
  }),
  getReady: operation({
    method: "get",
    path: "/ready",
    tag: "system",
    summary: "Whether the process can do its work now",
    right: "open",
    answers: {
      200: { what: "Ready.", schema: Ready },
      503: { what: "Postgres or NATS is away.", schema: Ready },
    },
  }),
  getMetrics: operation({
    method: "get",
    path: "/metrics",
    tag: "system",
    summary: "Metrics for Prometheus",
    right: "read",
    answers: {
      200: { what: "The metrics of this process.", type: "text/plain", example: "baton_claims_total 4210\n" },
    },
  }),
} as const;

export const systemOperations = {
  ...statusOperations,
  getWhoAmI: operation({
    method: "get",
    path: "/whoami",
    tag: "system",
    summary: "Who the caller is, and what its token allows",
    right: "read",
    query: {},
    answers: { 200: { what: "The actor, as events name it, and its role.", schema: WhoAmI } },
  }),
  getOpenApi: operation({
    method: "get",
    path: "/openapi.json",
    tag: "system",
    summary: "The description of this API",
    right: "read",
    answers: { 200: { what: "OpenAPI 3.1.", type: "application/json", example: { openapi: "3.1.0" } } },
  }),
  getAsyncApi: operation({
    method: "get",
    path: "/asyncapi.json",
    tag: "system",
    summary: "The description of the NATS subjects",
    right: "read",
    answers: { 200: { what: "AsyncAPI 3.0.", type: "application/json", example: { asyncapi: "3.0.0" } } },
  }),
  getView: operation({
    method: "get",
    path: "/view",
    tag: "system",
    summary: "The console",
    right: "open",
    answers: {
      200: {
        what: "HTML. What it shows is fetched with a token, where one is needed.",
        type: "text/html",
        example: page,
      },
    },
  }),
  getDocs: operation({
    method: "get",
    path: "/docs",
    tag: "system",
    summary: "The docs, with a page to try this API",
    right: "open",
    answers: {
      200: {
        what: "HTML. The page `/docs/reference/http` sends calls to this Baton.",
        type: "text/html",
        example: page,
      },
    },
  }),
  getLlmsTxt: operation({
    method: "get",
    path: "/llms.txt",
    tag: "system",
    summary: "The contents of the docs for programs that read, with links to the Markdown of each page",
    right: "open",
    answers: { 200: { what: "Markdown, as llmstxt.org has it.", type: "text/plain", example: "# Baton\n" } },
  }),
  getRoot: operation({
    method: "get",
    path: "/",
    tag: "system",
    summary: "The way to the page",
    right: "open",
    answers: { 303: { what: "See /view.", headers: { Location: "view" } } },
  }),
} as const;
