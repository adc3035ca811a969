import { z } from "zod";
import { ask } from "./client";

const job = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.string(),
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

export const startExport = (
  object: string,
  wanted: { filter?: string; sort?: string[]; fields?: string[] },
): Promise<Job> => ask(job, `/records/${object}/export`, { method: "POST", body: wanted });
