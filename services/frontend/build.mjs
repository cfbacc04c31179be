/**
 * Builds the parts that are named, or all: `npm run build -- frontend-payments`. Each goes into dist/<name>: hashed files,
 * their source maps with debug ids, a manifest of what the gateway must know. No part is built into another, and no
 * version into any. The maps are for the error tracker (release.py uploads them) and are never served.
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
// Loaded once, by the names of the import map.
const SHARED = ["@sandbox/platform", "@sandbox/account", "@sandbox/payments"];

const require = createRequire(import.meta.url);
// Its own package for each platform; a Mac's is for both of its processors.
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
          // As in the repository, so that a stack names a file that can be opened.
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
