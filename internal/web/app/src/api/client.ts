import { z } from "zod";
import { reachable, served, signedIn } from "@/state/connection";
import { Problem, Unreachable } from "./problem";

// The policy of the page forbids code that is made of text, which zod would use.
z.config({ jitless: true });

const problem = z.object({
  status: z.number(),
  title: z.string().optional(),
  detail: z.string().optional(),
  reason: z.string().optional(),
  requestId: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

export interface Call {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  /** Parameters of the address; undefined and empty ones are left out. */
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  /** A form or the bytes of a file, in the place of a body in JSON. */
  form?: FormData | Blob;
  /** The version that a write is meant for. */
  version?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** The language in which the API answers; src/i18n sets it. */
let language = "en";
export const answerIn = (next: string): void => {
  language = next;
};

const gone = new Set([502, 503, 504]);

/** Calls the API. A refusal is a Problem, a server that does not answer Unreachable. */
export async function send(path: string, call: Call = {}): Promise<Response> {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const address = `/api/v1${path}${parameters.size > 0 ? `?${parameters}` : ""}`;
  const headers: Record<string, string> = { "Accept-Language": language };
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  if (call.version !== undefined) headers["If-Match"] = `"${call.version}"`;
  let response: Response;
  try {
    response = await fetch(address, {
      method: call.method ?? "GET",
      headers,
      body: call.form ?? (call.body === undefined ? null : JSON.stringify(call.body)),
      credentials: "same-origin",
      cache: "no-cache",
      signal: call.signal ?? null,
    });
  } catch (error) {
    if (call.signal?.aborted) throw error;
    reachable.set(false);
    throw new Unreachable();
  }
  if (gone.has(response.status)) {
    reachable.set(false);
    throw new Unreachable();
  }
  reachable.set(true);
  const revision = Number(response.headers.get("Kontor-Revision"));
  if (revision > 0) served.set(revision);
  if (response.ok) return response;
  const told = problem.safeParse(await response.json().catch(() => null));
  if (response.status === 401 && path !== "/login") signedIn.set(false);
  const { detail, title, reason, errors, requestId } = told.data ?? {};
  throw new Problem(response.status, detail ?? title ?? response.statusText, reason, errors ?? [], requestId);
}

/** Calls the API and checks that the answer has the form that the page builds on. */
export async function ask<T>(shape: z.ZodType<T>, path: string, call: Call = {}): Promise<T> {
  const response = await send(path, call);
  return shape.parse(response.status === 204 ? null : await response.json());
}
