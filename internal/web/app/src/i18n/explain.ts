import i18next from "i18next";
import { ZodError } from "zod";
import { Problem, Unreachable } from "@/api/problem";

/** An error in words for people. */
export function explain(error: unknown): string {
  if (error instanceof Unreachable) return i18next.t("errors.unreachable");
  if (error instanceof Problem) return error.message;
  if (error instanceof ZodError) return i18next.t("errors.invalid");
  return i18next.t("errors.unknown");
}
