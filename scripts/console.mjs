// Owns the build of the console: from src/web to dist/console, which role api serves. Built only when its sources, the SDK or
// the locked dependencies differ from those of the last build.
import { join } from "node:path";
import { buildOnce, ROOT } from "./build-once.mjs";

await buildOnce({
  name: "the console",
  dist: join(ROOT, "dist", "console"),
  sources: ["src/web", "src/sdk", "package-lock.json", "scripts/console.mjs"],
  build: bundle,
});

async function bundle(outDir) {
  // Whoever asks for the build: with another one, as tests have it, React would be in its development form, and would be kept so.
  process.env.NODE_ENV = "production";
  const { build } = await import("vite");
  await build({
    configFile: false,
    root: join(ROOT, "src", "web"),
    // Relative, so that the console also works under a path of a proxy.
    base: "./",
    logLevel: "warn",
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2023",
      cssTarget: ["chrome123", "firefox120", "safari17.5"],
      assetsInlineLimit: 0,
      manifest: true,
      modulePreload: { polyfill: false },
      // A note in libraries for servers that render; there is none here.
      rolldownOptions: { onwarn: (warning, warn) => warning.code !== "MODULE_LEVEL_DIRECTIVE" && warn(warning) },
    },
    worker: { format: "es" },
  });
}
