// What `npm run check` does, the quick half of CI: format and lint, types, then the tests that need no services.
// Stops at the first step that fails and exits with its code. With `--before-tests` all tests follow, and these are left to them.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const steps = [
  ["lint", "node_modules/@biomejs/biome/bin/biome", "check", "."],
  ["types", "node_modules/typescript/bin/tsc", "-p", "."],
  ["types of the console", "node_modules/typescript/bin/tsc", "-p", "src/web"],
  ["tests", "node_modules/vitest/vitest.mjs", "run", "--project", "unit"],
];

const isBeforeTests = process.argv.includes("--before-tests");
for (const [name, ...command] of steps) {
  if (name === "tests" && isBeforeTests) break;
  const began = performance.now();
  const { status, error } = spawnSync(process.execPath, command, { cwd: root, stdio: "inherit" });
  const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
  if (error) console.error(String(error));
  console.log(`check: ${name} ${status === 0 ? "passed" : "FAILED"} (${took})`);
  if (status !== 0) process.exit(status ?? 1);
}
