// The examples of the playground and of an empty installation. They need no service: what they call is this Baton itself, whose
// page of its health answers, and whose unknown addresses refuse. So a failing task can be seen, understood and mended at once.
import type { BatchInput } from "../../../sdk/client.ts";

interface Example {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** `self`: the address of this Baton, without a slash at its end. */
  readonly batch: (self: string) => BatchInput;
}

const call = (url: string) => ({
  kind: "Webhook" as const,
  params: { url, verb: "Get" as const, completes: "on_response" as const },
});
const needs = (...ids: readonly string[]) => ids.map((id) => ({ id, requires_success: true }));

const pipeline: Example = {
  id: "pipeline",
  title: "A pipeline that fails",
  about:
    "One test fails after a retry, what needs it fails with it, and a message goes out. Find out why, mend it, rerun.",
  batch: (self) => {
    const ok = `${self}/health`;
    const task = (id: string, kind: string, after: readonly string[], url = ok, more: object = {}) => ({
      ...{ id, name: id, kind, timeout: 30, on_start: call(url), dependencies: needs(...after), ...more },
    });
    return {
      scope: "ci",
      metadata: { branch: "main" },
      tasks: [
        task("checkout", "ci.git", [], ok, { delay_secs: 1 }),
        task("install", "ci.build", ["checkout"]),
        task("lint", "ci.check", ["install"]),
        task("types", "ci.check", ["install"]),
        task("unit-tests", "ci.check", ["install"], `${self}/no-such-runner`, {
          retry: { max_retries: 1, initial_delay_secs: 1 },
        }),
        task("build-image", "ci.build", ["install"], ok, { delay_secs: 2 }),
        task("publish", "ci.deploy", ["lint", "types", "unit-tests", "build-image"]),
        task("deploy", "ci.deploy", ["publish"]),
        {
          ...{ id: "tell-the-team", name: "tell-the-team", kind: "ci.notify", on_start: call(ok) },
          dependencies: [{ id: "unit-tests", condition: "on_failure" as const }],
        },
      ],
    };
  },
};

const gate: Example = {
  id: "approval",
  title: "A gate that a person opens",
  about: "A deployment waits for somebody's word. Approve or refuse it in the console, and see what follows.",
  batch: (self) => ({
    scope: "release",
    tasks: [
      { id: "build", name: "build", kind: "release.build", on_start: call(`${self}/health`) },
      {
        ...{ id: "approve", name: "approve the release", kind: "release.gate" },
        on_start: { kind: "Wait", params: { prompt: "Release version 2.4 to all customers?" } },
        dependencies: needs("build"),
      },
      {
        id: "release",
        name: "release",
        kind: "release.run",
        on_start: call(`${self}/health`),
        dependencies: needs("approve"),
      },
      {
        ...{ id: "roll-back", name: "roll back", kind: "release.run", on_start: call(`${self}/health`) },
        dependencies: [{ id: "approve", condition: "on_failure" }],
      },
    ],
  }),
};

const fan: Example = {
  id: "fan",
  title: "A hundred at a time, four at once",
  about:
    "A hundred imports under a rule that lets four run at once, and a report that joins them. Watch the graph fill.",
  batch: (self) => {
    const matcher = { kind: "import.page", status: "Running" as const, fields: [] };
    const pages = Array.from({ length: 100 }, (_, i) => ({
      ...{ id: `page-${i + 1}`, name: `page ${i + 1}`, kind: "import.page", on_start: call(`${self}/health`) },
      ...{ delay_secs: 1 + Math.floor(i / 25), dependencies: needs("list") },
      rules: [{ type: "Concurrency" as const, max_concurrency: 4, matcher }],
    }));
    const list = { id: "list", name: "list the pages", kind: "import.list", on_start: call(`${self}/health`) };
    const report = { id: "report", name: "report", kind: "import.report", on_start: call(`${self}/health`) };
    const all = pages.map(({ id }) => ({ id, condition: "always" as const }));
    return { scope: "import", tasks: [list, ...pages, { ...report, dependencies: all }] };
  },
};

export const examples: readonly Example[] = [pipeline, gate, fan];
