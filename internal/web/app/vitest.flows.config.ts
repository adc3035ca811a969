import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** What people do, in a browser on a real tenant. One server and one browser serve all of it. */
export default defineConfig({
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  test: {
    include: ["flows/**/*.flow.ts"],
    globalSetup: ["flows/setup/tenant.ts"],
    environment: "node",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // The flows share a tenant: one file after the other keeps them apart and the machine free.
    fileParallelism: false,
  },
});
