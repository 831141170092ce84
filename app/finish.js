// After the build: the WebAssembly packed, the licences of what is bundled, and the hash of the sources.
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const built = "../src/caloforge/display/built";
const version = (name) => JSON.parse(readFileSync(join("node_modules", name, "package.json"), "utf8")).version;

copyFileSync("page.html", join(built, "page.html"));
copyFileSync("licenses/onnxruntime-third-party.txt.gz", join(built, "onnxruntime-third-party.txt.gz"));
const wasm = readFileSync("node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm");
writeFileSync(join(built, "ort.wasm.gz"), gzipSync(wasm, { level: 9 }));
writeFileSync(
  join(built, "LICENSES.txt"),
  [
    `three ${version("three")}\n\n${readFileSync("node_modules/three/LICENSE", "utf8").trim()}`,
    `onnxruntime-web ${version("onnxruntime-web")}\n\n${readFileSync("licenses/onnxruntime.txt", "utf8").trim()}`,
  ].join("\n\n----\n\n") + "\n",
);

// SHA-256 over path and content of every source, in order of the paths: tests/display/test_built.py computes the same.
const sources = ["finish.js", "package-lock.json", "package.json", "page.html", "tsconfig.json", "vite.config.ts"]
  .concat(readdirSync("src").map((name) => `src/${name}`), readdirSync("licenses").map((name) => `licenses/${name}`))
  .sort();
const hash = createHash("sha256");
for (const path of sources) hash.update(`${path}\n`).update(readFileSync(path));
writeFileSync(join(built, "sources.sha256"), hash.digest("hex") + "\n");
