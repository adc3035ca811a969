import { z } from "zod";
import { ask } from "./client";

const job = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.enum(["queued", "running", "done", "failed", "cancelled"]),
  object: z.string().optional(),
  dryRun: z.boolean().optional(),
  cancelling: z.boolean().optional(),
  undoes: z.string().optional(),
  createdAt: z.string(),
  finishedAt: z.string().nullish(),
  done: z.number(),
  total: z.number(),
  report: z.record(z.string(), z.unknown()).nullish(),
  error: z.looseObject({ message: z.string().optional() }).nullish(),
  errors: z.string().optional(),
  result: z.string().optional(),
});

export type Job = z.infer<typeof job>;

export const hasEnded = (one: Job): boolean => one.state !== "queued" && one.state !== "running";

export const startExport = (
  object: string,
  wanted: { filter?: string; sort?: string[]; fields?: string[] },
): Promise<Job> => ask(job, `/records/${object}/export`, { method: "POST", body: wanted });

export const listJobs = (after?: string, signal?: AbortSignal) =>
  ask(z.object({ items: z.array(job), next: z.string().optional() }), "/jobs", { query: { limit: 50, after }, signal });

/** Reads a job; it waits some seconds for its end. */
export const readJob = (id: string, wait = 0, signal?: AbortSignal): Promise<Job> =>
  ask(job, `/jobs/${id}`, { query: { wait: wait || undefined }, signal });

export const cancelJob = (id: string): Promise<Job> => ask(job, `/jobs/${id}/cancel`, { method: "POST" });

export const undoJob = (id: string): Promise<Job> => ask(job, `/jobs/${id}/undo`, { method: "POST" });

const mappedField = z.looseObject({ field: z.string(), column: z.string().optional() });

const mapping = z.looseObject({ key: z.string().optional(), fields: z.array(mappedField) });

/** How the columns of a file become fields: the same as the import command's. */
export type Mapping = z.infer<typeof mapping>;

const preview = z.object({
  file: z.string(),
  format: z.string(),
  sheets: z.array(z.string()).nullish(),
  sheet: z.string().nullish(),
  columns: z.array(z.object({ name: z.string(), samples: z.array(z.string()).nullish(), field: z.string().nullish() })),
  mapping,
  keys: z.array(z.string()).nullish(),
  missing: z.array(z.string()).nullish(),
  rows: z
    .array(
      z.object({
        line: z.number(),
        cells: z.array(z.string()),
        outcome: z.string().nullish(),
        problems: z
          .array(z.object({ column: z.string().nullish(), field: z.string().nullish(), message: z.string() }))
          .nullish(),
      }),
    )
    .nullish(),
});

export type Preview = z.infer<typeof preview>;

export function previewFile(object: string, file: File): Promise<Preview> {
  const form = new FormData();
  form.append("file", file, file.name);
  return ask(preview, `/records/${object}/import/preview`, { method: "POST", form });
}

export const previewMapping = (object: string, file: string, wanted: Mapping): Promise<Preview> =>
  ask(preview, `/records/${object}/import/preview`, { method: "POST", body: { file, mapping: wanted } });

export const startImport = (object: string, file: string, wanted: Mapping, dryRun: boolean): Promise<Job> =>
  ask(job, `/records/${object}/import`, { method: "POST", body: { file, mapping: wanted, dryRun } });
