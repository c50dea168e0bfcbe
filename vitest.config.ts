// Owns how tests run: projects, one after the other, two files at a time; `timed` runs alone, since it measures time.
// `unit` needs no service and starts none; the others share one Postgres that global-setup.ts starts and ends.
import { defineConfig } from "vitest/config";

const needsServices = { globalSetup: ["test/support/global-setup.ts"], hookTimeout: 60_000, teardownTimeout: 30_000 };

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    reporters: ["default"],
    passWithNoTests: true,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/*.test.ts", "test/{machines,model,unit}/**/*.test.ts"],
          testTimeout: 10_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          ...needsServices,
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 30_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          ...needsServices,
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 60_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          ...needsServices,
          name: "system",
          include: ["test/{e2e,chaos}/**/*.test.ts"],
          testTimeout: 180_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          ...needsServices,
          name: "timed",
          include: ["test/timed/**/*.test.ts"],
          testTimeout: 180_000,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
