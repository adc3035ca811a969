import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `make web-dev` hands calls of the API to a running `kontor dev`.
const server = process.env.KONTOR_URL ?? "http://acme.localhost:8080";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../dist/page",
    emptyOutDir: true,
    target: "es2022",
    // scripts/compress.mjs prints the sizes that matter: compressed, of what the first page needs.
    reportCompressedSize: false,
    manifest: "manifest.json",
    // The strict policy refuses data: scripts, and an inlined asset has no name of its own.
    assetsInlineLimit: 0,
    // Rolldown's preload helper sets no inline styles; the files are few.
    chunkSizeWarningLimit: 1200,
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/api": {
        // The address of the loopback, because Node does not resolve *.localhost; the host names the tenant.
        target: `http://127.0.0.1:${new URL(server).port || 80}`,
        headers: { host: new URL(server).host },
        configure: (proxy) =>
          proxy.on("proxyReq", (request) => {
            // The page's own origin is another port, which the server takes for another site.
            request.removeHeader("origin");
            request.removeHeader("sec-fetch-site");
          }),
      },
    },
  },
});
