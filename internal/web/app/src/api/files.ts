import { z } from "zod";
import { ask } from "./client";

/** Sends a file; a record names it by the id that comes back. */
export const uploadFile = (file: File) =>
  ask(z.looseObject({ id: z.string() }), "/files", { method: "POST", query: { name: file.name }, form: file });
