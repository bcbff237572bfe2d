// Builds the web app into the package, where the node's HTTP door finds it.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { defineConfig } from "vite";

/** Writes the service worker with the names of all files, so that the whole app is there without the node. */
const worker = {
  name: "worker",
  generateBundle(options, bundle) {
    const names = Object.keys(bundle).filter((name) => /\.(js|css)$/.test(name)).sort();
    const version = createHash("sha256").update(names.join()).digest("hex").slice(0, 12);
    const source = readFileSync("src/sw.js", "utf8")
      .replace("const FILES = [];", `const FILES = ${JSON.stringify(names.map((name) => `/assets/${name}`))};`)
      .replace('const VERSION = "";', `const VERSION = "${version}";`);
    this.emitFile({ type: "asset", fileName: "sw.js", source });
  },
};

export default defineConfig({
  base: "/assets/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [worker],
  build: {
    outDir: "../src/micro/doors/web/built",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0, // the policy of the page allows no data in place of a file
    target: "es2022",
    modulePreload: { polyfill: false },
  },
});
