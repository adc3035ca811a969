import { z } from "zod";
import { ask, send } from "./client";
import type { Model, ObjectType } from "./schema";

export type Value = unknown;

/** A record as the API gives it: values by the names of fields. */
export type Row = Record<string, Value> & { id: string; version?: number };

const row = z.looseObject({ id: z.string(), version: z.number().optional() }) as unknown as z.ZodType<Row>;

const page = z.object({
  items: z.array(row),
  next: z.string().optional(),
  count: z.number().optional(),
  estimated: z.boolean().optional(),
});

export type Page = z.infer<typeof page>;

export interface ListRequest {
  filter?: string | undefined;
  sort?: string[] | undefined;
  fields?: string[] | undefined;
  limit?: number;
  after?: string | undefined;
  count?: "exact" | "estimate";
}

export const list = (object: string, request: ListRequest, signal?: AbortSignal): Promise<Page> =>
  ask(page, `/records/${object}/query`, { method: "POST", body: request, signal });

export const read = (object: string, id: string, fields?: string[], signal?: AbortSignal): Promise<Row> =>
  ask(row, `/records/${object}/${id}`, { query: { fields: fields?.join(",") }, signal });

export const create = (object: string, values: Record<string, Value>): Promise<Row> =>
  ask(row, `/records/${object}`, { method: "POST", body: values });

export const change = (object: string, id: string, values: Record<string, Value>, version?: number): Promise<Row> =>
  ask(row, `/records/${object}/${id}`, { method: "PATCH", body: values, version });

export const move = (object: string, id: string, stage: string, version?: number): Promise<Row> =>
  ask(row, `/records/${object}/${id}/move`, { method: "POST", body: { stage }, version });

export async function remove(object: string, id: string, version?: number): Promise<void> {
  await send(`/records/${object}/${id}`, { method: "DELETE", version });
}

export const restore = (object: string, id: string): Promise<Row> =>
  ask(row, `/records/${object}/${id}/restore`, { method: "POST" });

const outcome = z.object({
  index: z.number(),
  outcome: z.enum(["created", "updated", "unchanged", "deleted", "failed"]),
  id: z.string().optional(),
  problem: z.object({ detail: z.string().optional() }).optional(),
});

export type Operation =
  | { op: "update"; id: string; fields: Record<string, Value> }
  | { op: "delete"; id: string }
  | { op: "create"; fields: Record<string, Value> };

export const batch = (object: string, operations: Operation[]) =>
  ask(z.object({ items: z.array(outcome), failed: z.number() }), `/records/${object}/batch`, {
    method: "POST",
    body: { atomic: false, operations },
  });

export interface AggregateRequest {
  groups: (string | { field: string; by?: string; name?: string })[];
  values: { function: string; field?: string; name: string }[];
  filter?: string | undefined;
  sort?: string[];
  limit?: number;
}

const figures = z.object({ items: z.array(z.record(z.string(), z.unknown())), truncated: z.boolean() });

export const aggregate = (object: string, request: AggregateRequest, signal?: AbortSignal) =>
  ask(figures, `/records/${object}/aggregate`, { method: "POST", body: request, signal });

const hits = z.object({
  items: z.array(
    z.object({
      object: z.string(),
      id: z.string(),
      number: z.number(),
      title: z.string(),
      matched: z.array(z.object({ field: z.string(), snippet: z.string() })),
    }),
  ),
  complete: z.boolean(),
});

export type Hit = z.infer<typeof hits>["items"][number];

export const search = (q: string, objects: string[] = [], limit = 12, signal?: AbortSignal) =>
  ask(hits, "/search", { query: { q, objects: objects.join(","), limit }, signal });

/** The names of fields to ask for, so that relations come with the titles of what they point to. */
export function withTitles(model: Model, object: ObjectType, names: string[]): string[] {
  const asked: string[] = [];
  for (const name of names) {
    const f = model.field(object.name, name);
    const target = f?.type === "relation" && f.target ? model.object(f.target) : undefined;
    asked.push(target ? `${name}.${target.title}` : name);
  }
  return asked;
}

/** A record that a relation points to, when it was asked for with its title. */
export interface Linked {
  id: string;
  title: string;
}

export function linked(model: Model, target: string | undefined, value: Value): Linked | undefined {
  if (typeof value === "string") return { id: value, title: "" };
  if (typeof value !== "object" || value === null) return undefined;
  const record = value as Row;
  const object = target ? model.object(target) : undefined;
  const title = object ? record[object.title] : undefined;
  return { id: record.id, title: title === undefined || title === null ? "" : titleText(object, title) };
}

/** A title for people: numbers are written as such. */
export function titleText(object: ObjectType | undefined, title: Value): string {
  if (title === null || title === undefined || title === "") return "";
  return object?.title === "number" ? `#${title}` : String(title);
}
