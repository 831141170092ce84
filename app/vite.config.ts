// One module and one style sheet, which Python puts into the page. The WebAssembly of ONNX Runtime stays outside (finish.js).
import { defineConfig } from "vite";

const wasmStaysOutside = {
  name: "wasm-stays-outside",
  enforce: "pre" as const,
  transform(code: string, id: string) {
    if (!id.includes("onnxruntime-web")) return null;
    return { code: code.replace(/new URL\("([\w.-]+\.wasm)",\s*import\.meta\.url\)/g, 'new URL("$1", document.baseURI)'), map: null };
  },
};

export default defineConfig({
  plugins: [wasmStaysOutside],
  build: {
    outDir: "../src/caloforge/display/built",
    emptyOutDir: true,
    sourcemap: false,
    lib: { entry: "src/main.ts", formats: ["es"], fileName: () => "display.js", cssFileName: "display" },
  },
});
