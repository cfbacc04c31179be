// Writes each dashboard as an object literal, because only literals are checked for keys that do not exist.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const dashboards = new URL("../../../grafana/dashboards/", import.meta.url);
const embedded = new URL("./embedded/", import.meta.url);

rmSync(embedded, { recursive: true, force: true });
mkdirSync(embedded);
for (const name of readdirSync(dashboards).filter((name) => name.endsWith(".json"))) {
  const literal = readFileSync(new URL(name, dashboards), "utf8");
  const source = `import type { KnownDashboard } from "../model";\nexport const dashboard: KnownDashboard = ${literal};\n`;
  writeFileSync(new URL(name.replace(/json$/, "ts"), embedded), source);
}
