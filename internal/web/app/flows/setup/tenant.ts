import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { seed } from "./seed";

export interface Tenant {
  url: string;
  email: string;
  password: string;
  kubeconfig: string;
}

declare module "vitest" {
  interface ProvidedContext {
    tenant: Tenant;
  }
}

const root = new URL("../../../../../", import.meta.url).pathname;

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** Starts `kontor dev` and waits for the line that says where to look. */
async function start(dir: string): Promise<{ process: ChildProcess; tenant: Tenant }> {
  const [port, systemPort] = [await freePort(), await freePort()];
  const args = ["dev", "--data", dir, "--port", String(port), "--system-port", String(systemPort)];
  const started = spawn(join(root, "bin/kontor"), args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  return new Promise((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      const ready = /Ready: (\S+) {2}user (\S+) {2}password (\S+)\s+KUBECONFIG=(\S+)/.exec(said);
      if (!ready) return;
      const [, url = "", email = "", password = "", kubeconfig = ""] = ready;
      resolve({ process: started, tenant: { url, email, password, kubeconfig } });
    };
    started.stdout?.on("data", hear);
    started.stderr?.on("data", hear);
    started.on("exit", (code) => reject(new Error(`kontor dev ended with ${code}:\n${said}`)));
  });
}

/**
 * Gives the flows a tenant with records. KONTOR_URL, KONTOR_PASSWORD and
 * KUBECONFIG name one that runs already, which saves the start while one works on a flow.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { KONTOR_URL: url, KONTOR_PASSWORD: password, KUBECONFIG: kubeconfig = "" } = process.env;
  if (url && password) {
    const tenant = { url, email: "admin@acme.localhost", password, kubeconfig };
    await seed(tenant);
    project.provide("tenant", tenant);
    return async () => undefined;
  }
  if (!existsSync(join(root, "bin/kontor"))) throw new Error("bin/kontor is not there: run make build");
  const dir = mkdtempSync(join(tmpdir(), "kontor-flows-"));
  const { process: server, tenant } = await start(dir);
  await seed(tenant);
  project.provide("tenant", tenant);
  return async () => {
    const ended = new Promise((resolve) => server.on("exit", resolve));
    server.kill("SIGINT");
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
}
