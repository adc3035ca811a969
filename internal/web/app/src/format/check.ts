import type { TFunction } from "i18next";
import { z } from "zod";
import type { Row, Value } from "@/api/records";
import type { Field, Part } from "@/api/schema";
import { compareNumbers, readNumber, scaleOf, showNumber } from "./number";
import { isEmpty } from "./text";

/**
 * The rules of a field, as REST and the database have them, for while one types.
 * What passes is what the API takes; the server has the last word all the same.
 */
export type Checked = { value: Value } | { problem: string };

const numbers = new Set(["integer", "decimal", "money", "percent", "rating"]);

const email = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
const web = /^https?:\/\/\S+$/i;
const isoDate = /^\d{4}-\d{2}-\d{2}$/;

/** Characters as people count them: one for each Chinese character and each emoji of one code point. */
export const countCharacters = (text: string): number => [...text].length;

export function check(f: Field | Part, given: Value, t: TFunction, language: string): Checked {
  if (isEmpty(given)) return f.required ? { problem: t("check.required") } : { value: null };
  if (numbers.has(f.type)) return checkNumber(f, String(given), t, language);
  switch (f.type) {
    case "boolean":
      return { value: given === true || given === "true" };
    case "picklist":
      return f.options?.some((one) => one.key === given) ? { value: given } : { problem: t("check.option") };
    case "json":
      return checkJSON(given, t);
    case "date":
      return isoDate.test(String(given)) ? { value: given } : { problem: t("check.date") };
    case "address":
    case "person_name":
    case "geo":
      return checkParts(f, given as Row, t, language);
    case "multi_picklist":
    case "tags":
    case "relation":
      return { value: given };
    default:
      return checkText(f, String(given), t);
  }
}

function checkText(f: Field | Part, text: string, t: TFunction): Checked {
  const length = countCharacters(text);
  if (f.length && length > f.length) return { problem: t("check.length", { most: f.length, is: length }) };
  if (f.type === "email" && !email.test(text)) return { problem: t("check.email") };
  if (f.type === "url" && !web.test(text)) return { problem: t("check.url") };
  return { value: text };
}

function checkNumber(f: Field | Part, typed: string, t: TFunction, language: string): Checked {
  const number = readNumber(typed, language);
  if (number === null) return { problem: t("check.number") };
  const whole = f.type === "integer" || f.type === "rating" || f.scale === 0;
  if (whole && /\.\d*[1-9]/.test(number)) return { problem: t("check.integer") };
  if (f.scale !== undefined && scaleOf(number.replace(/0+$/, "")) > f.scale)
    return { problem: t("check.scale", { count: f.scale }) };
  if (f.min !== undefined && compareNumbers(number, f.min) < 0)
    return { problem: t("check.min", { value: showNumber(f.min, language) }) };
  if (f.max !== undefined && compareNumbers(number, f.max) > 0)
    return { problem: t("check.max", { value: showNumber(f.max, language) }) };
  // Whole numbers are numbers in the API, the others texts that keep all their digits.
  return { value: f.type === "integer" || f.type === "rating" ? Number(number) : number };
}

function checkJSON(given: Value, t: TFunction): Checked {
  if (typeof given !== "string") return { value: given };
  try {
    return { value: JSON.parse(given) };
  } catch {
    return { problem: t("check.json") };
  }
}

function checkParts(f: Field | Part, given: Row, t: TFunction, language: string): Checked {
  const made: Record<string, Value> = {};
  for (const part of ("parts" in f ? f.parts : undefined) ?? []) {
    const one = check(part, given[part.name], t, language);
    if ("problem" in one) return { problem: `${part.label}: ${one.problem}` };
    made[part.name] = one.value;
  }
  return { value: made };
}

/** The rules of several fields as one schema, for a form. */
export function formSchema(fields: (Field | Part)[], t: TFunction, language: string) {
  return z.object(
    Object.fromEntries(
      fields.map((f) => [
        f.name,
        z.unknown().transform((given, context) => {
          const one = check(f, given, t, language);
          if ("value" in one) return one.value;
          context.addIssue({ code: "custom", message: one.problem });
          return z.NEVER;
        }),
      ]),
    ),
  );
}
