import { z } from "zod";
import { ask } from "./client";
import type { Row } from "./records";

const change = z.object({
  version: z.number(),
  at: z.string(),
  operation: z.string(),
  actor: z.object({ id: z.string(), name: z.string() }).nullable(),
  channel: z.string().optional(),
  changes: z.array(
    z.object({
      field: z.string(),
      label: z.string().optional(),
      type: z.string().optional(),
      gone: z.boolean().optional(),
      old: z.unknown().optional(),
      new: z.unknown().optional(),
    }),
  ),
});

const item = z.object({
  at: z.string(),
  change: change.optional(),
  object: z.string().optional(),
  record: z.looseObject({ id: z.string() }).optional() as unknown as z.ZodType<Row | undefined>,
});

const timeline = z.object({
  items: z.array(item),
  titles: z.record(z.string(), z.string()).nullish(),
  next: z.string().optional(),
});

export type Change = z.infer<typeof change>;
export type TimelineItem = z.infer<typeof item>;

/** What happened to a record and around it, the newest first. */
export const readTimeline = (object: string, id: string, after?: string, signal?: AbortSignal) =>
  ask(timeline, `/records/${object}/${id}/timeline`, { query: { limit: 30, after }, signal });
