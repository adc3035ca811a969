import { request } from "node:http";
import type { Tenant } from "./tenant";

/** Calls the API as a program does. Node does not resolve *.localhost, so the host is named beside the address. */
export class Api {
  token = "";

  constructor(private readonly tenant: Tenant) {}

  async signIn(): Promise<this> {
    const { email, password } = this.tenant;
    this.token = (await this.call<{ token: string }>("POST", "/login", { email, password })).token;
    return this;
  }

  call<T>(method: string, path: string, body?: unknown, language = "en"): Promise<T> {
    const { host, port } = new URL(this.tenant.url);
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: "127.0.0.1",
          port: port || 80,
          method,
          path: `/api/v1${path}`,
          headers: {
            Host: host,
            "Content-Type": "application/json",
            "Accept-Language": language,
            ...(this.token && { Authorization: `Bearer ${this.token}` }),
          },
        },
        (response) => {
          let text = "";
          response.on("data", (chunk) => {
            text += chunk;
          });
          response.on("end", () => {
            if ((response.statusCode ?? 500) >= 400)
              reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
            else resolve((text ? JSON.parse(text) : null) as T);
          });
        },
      );
      sent.on("error", reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

const stages = ["prospecting", "engaging", "engaging", "won", "won", "lost"];
const customers = [
  "Northwind Traders",
  "华东机械有限公司",
  "Blue Harbour Logistics",
  "Müller & Söhne",
  "深圳光电科技",
  "Kestrel Aviation",
];

/** Some customers and opportunities, where the sample's own data are not there. */
export async function seed(tenant: Tenant): Promise<void> {
  const api = await new Api(tenant).signIn();
  const { items } = await api.call<{ items: unknown[] }>("GET", "/records/opportunity?limit=100");
  if (items.length >= 100) return;
  const made = await api.call<{ items: { id: string }[] }>("POST", "/records/customer/batch", {
    operations: customers.map((name) => ({ op: "create", fields: { name } })),
  });
  const operations = Array.from({ length: 400 }, (_, at) => ({
    op: "create",
    fields: {
      name: `Deal ${String(at + 1).padStart(4, "0")}`,
      stage: stages[at % stages.length],
      amount: String(1000 + ((at * 7919) % 90000)),
      close_date: `2026-${String(1 + (at % 12)).padStart(2, "0")}-15`,
      customer: made.items[at % made.items.length]?.id,
    },
  }));
  await api.call("POST", "/records/opportunity/batch", { operations });
}
