/**
 * Builds the named parts, or all: `npm run build -- frontend-payments`. The output is dist/<name>: hashed files, their
 * source maps with debug ids, and a manifest for the gateway. No part contains another part or a version. The maps are
 * for the error tracker (release.py uploads them) and are never served.
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { build } from "vite";

const APPS = {
  "frontend-shell": { platform: "platform/src/index.ts", main: "shell/src/main.ts", boot: "shell/src/boot.ts" },
  "frontend-account": { main: "account/src/main.ts" },
  "frontend-payments": { main: "payments/src/main.ts" },
};
// Shared modules, imported by the names of the import map.
const SHARED = ["@sandbox/platform", "@sandbox/account", "@sandbox/payments"];

const require = createRequire(import.meta.url);
// One package per platform; macOS has one for both processor types.
const platform = process.platform === "darwin" ? "darwin" : `${process.platform}-${process.arch}`;
const sentryCli = require.resolve(`@sentry/cli-${platform}/bin/sentry-cli`);

const wanted = process.argv.slice(2);
const unknown = wanted.filter((app) => !(app in APPS));
if (unknown.length) throw new Error(`there is no ${unknown.join(", ")}; there are ${Object.keys(APPS).join(", ")}`);

for (const app of wanted.length ? wanted : Object.keys(APPS)) {
  const input = APPS[app];
  const outDir = join("dist", app);
  rmSync(outDir, { recursive: true, force: true });
  await build({
    configFile: false,
    logLevel: "warn",
    base: "./",
    build: {
      outDir,
      target: "es2023",
      sourcemap: "hidden",
      manifest: "manifest.json",
      modulePreload: false,
      assetsInlineLimit: 0,
      rollupOptions: {
        input,
        external: SHARED,
        preserveEntrySignatures: "strict",
        output: {
          entryFileNames: "[name]-[hash].js",
          chunkFileNames: "[name]-[hash].js",
          assetFileNames: "[name]-[hash][extname]",
          // Paths as in the repository, so that the files in a stack can be opened.
          sourcemapPathTransform: (source, map) => relative(".", resolve(dirname(map), source)),
        },
      },
    },
  });
  if (app === "frontend-shell") copyFileSync("shell/index.html", join(outDir, "index.html"));
  const written = Object.values(JSON.parse(readFileSync(join(outDir, "manifest.json"), "utf8")));
  const entries = Object.fromEntries(written.filter((chunk) => chunk.isEntry).map((chunk) => [chunk.name, chunk.file]));
  const styles = [...new Set(written.flatMap((chunk) => (chunk.isEntry ? (chunk.css ?? []) : [])))];
  writeFileSync(join(outDir, "manifest.json"), JSON.stringify({ entries, styles }));
  execFileSync(sentryCli, ["sourcemaps", "inject", "--quiet", outDir], { stdio: "inherit" });
}
mkdirSync("bin", { recursive: true });
copyFileSync(sentryCli, "bin/sentry-cli");
