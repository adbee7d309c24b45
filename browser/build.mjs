// Bundles each entry point into the Python package, beside a stamp that says which sources the bundles were made of.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gunzipSync } from "node:zlib";
import { build } from "esbuild";

const folder = fileURLToPath(new URL(".", import.meta.url));
const assets = join(folder, "..", "src", "tockwork", "ingest", "assets");
const bundles = { "tiktok-pixel.js": "src/plugin.ts", "tockwork.js": "src/loader.ts" };

/** The hash that `python -m browser` makes too: of every source's path and content, in the order of the paths. */
function fingerprint() {
  const sources = readdirSync(join(folder, "src"), { recursive: true })
    .map((name) => `src/${name.replaceAll("\\", "/")}`)
    .filter((name) => name.endsWith(".ts"));
  const hash = createHash("sha256");
  for (const name of [...sources, "build.mjs", "package-lock.json", "tsconfig.json"].sort()) {
    hash.update(`${name}\0${readFileSync(join(folder, name), "utf8")}\0`);
  }
  return hash.digest("hex");
}

/** Where the server has the vendored analytics.js: its name changes with its content, as ingest/assets.py says. */
function analyticsPath() {
  const content = gunzipSync(readFileSync(join(assets, "analytics-next", "index.js.gz")));
  return `/analytics-next/bundles/index.${createHash("sha256").update(content).digest("hex").slice(0, 16)}.js`;
}

mkdirSync(assets, { recursive: true });
const built = Object.entries(bundles).filter(([, entry]) => existsSync(join(folder, entry)));
for (const [name, entry] of built) {
  await build({
    absWorkingDir: folder,
    entryPoints: [entry],
    outfile: join(assets, name),
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2020",
    charset: "ascii",
    legalComments: "none",
    logLevel: "warning",
    define: { ANALYTICS_PATH: JSON.stringify(analyticsPath()) },
  });
  writeFileSync(join(assets, `${name}.br`), brotliCompressSync(readFileSync(join(assets, name))));
}
const stamp = { sources: fingerprint(), bundles: built.map(([name]) => name).sort() };
writeFileSync(join(assets, "stamp.json"), `${JSON.stringify(stamp, null, 2)}\n`);
