import { z } from "zod";
import { ask, send } from "./client";

const view = z.object({
  id: z.string(),
  version: z.number(),
  object: z.string(),
  name: z.string(),
  kind: z.enum(["list", "board"]),
  shared: z.boolean(),
  columns: z.array(z.object({ field: z.string(), width: z.number().nullish() })).nullish(),
  sort: z.array(z.string()).nullish(),
  filter: z.string().nullish(),
  owner: z.object({ id: z.string(), name: z.string() }).nullish(),
  mayChange: z.boolean(),
  problems: z.array(z.object({ path: z.string(), message: z.string() })).nullish(),
});

export type View = z.infer<typeof view>;

export interface ViewContents {
  columns: { field: string; width: number }[];
  sort: string[];
  filter: string | null;
}

export const listViews = (object: string, signal?: AbortSignal) =>
  ask(z.object({ items: z.array(view) }), "/views", { query: { object, limit: 200 }, signal });

export const createView = (object: string, name: string, shared: boolean, contents: ViewContents): Promise<View> =>
  ask(view, "/views", { method: "POST", body: { object, name, shared, kind: "list", ...contents } });

export const changeView = (
  one: View,
  contents: Partial<ViewContents> & { name?: string; shared?: boolean },
): Promise<View> => ask(view, `/views/${one.id}`, { method: "PATCH", body: contents, version: one.version });

export async function removeView(one: View): Promise<void> {
  await send(`/views/${one.id}`, { method: "DELETE", version: one.version });
}
