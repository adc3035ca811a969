import type { TFunction } from "i18next";
import type { Row, Value } from "@/api/records";
import { titleText } from "@/api/records";
import type { Field, Model, Part } from "@/api/schema";
import { typeOf } from "@/api/schema";
import { showMoney, showNumber, showPercent } from "./number";

/** What the words of a value depend on. */
export interface Words {
  language: string;
  timeZone: string;
  currency: string;
  yes: string;
  no: string;
  untitled: string;
}

export const wordsOf = (model: Model, t: TFunction, language: string): Words => ({
  language: language === "zh" ? "zh-CN" : language,
  timeZone: model.schema.organisation.timeZone,
  currency: model.schema.organisation.currency,
  yes: t("record.yes"),
  no: t("record.no"),
  untitled: t("record.untitled"),
});

export const isEmpty = (value: Value): boolean =>
  value === null ||
  value === undefined ||
  value === "" ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === "object" && !Array.isArray(value) && Object.values(value as object).every(isEmpty));

const dates = new Map<string, Intl.DateTimeFormat>();

function dateFormat(language: string, timeZone: string, withTime: boolean): Intl.DateTimeFormat {
  const key = `${language} ${timeZone} ${withTime}`;
  let known = dates.get(key);
  if (!known) {
    known = new Intl.DateTimeFormat(language, {
      timeZone,
      dateStyle: "medium",
      ...(withTime && { timeStyle: "short" }),
    });
    dates.set(key, known);
  }
  return known;
}

/** A day is the same everywhere. */
export function showDate(value: string, language: string): string {
  const instant = Date.parse(`${value}T00:00:00Z`);
  return Number.isNaN(instant) ? value : dateFormat(language, "UTC", false).format(instant);
}

export function showMoment(value: string, words: Pick<Words, "language" | "timeZone">): string {
  const instant = Date.parse(value);
  return Number.isNaN(instant) ? value : dateFormat(words.language, words.timeZone, true).format(instant);
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["week", 7 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** How long ago a moment is, or how far ahead. */
export function showAgo(value: string, language: string, now = Date.now()): string {
  const seconds = (Date.parse(value) - now) / 1000;
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return relative.format(0, "minute");
}

/** A phone number in groups, where it is written in E.164. */
export function showPhone(value: string): string {
  const northAmerican = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(value);
  if (northAmerican) return `+1 ${northAmerican[1]} ${northAmerican[2]} ${northAmerican[3]}`;
  const chinese = /^\+86(1\d{2})(\d{4})(\d{4})$/.exec(value);
  if (chinese) return `+86 ${chinese[1]} ${chinese[2]} ${chinese[3]}`;
  return value;
}

export const optionLabel = (f: Part, key: string): string => f.options?.find((one) => one.key === key)?.label ?? key;

/** A value as text: for titles, tables to copy, conflicts and what is read out. */
export function showText(f: Field | Part, value: Value, words: Words, model?: Model, record?: Row): string {
  if (isEmpty(value)) return "";
  switch (typeOf(f)) {
    case "money":
      return showMoney(String(value), String(record?.currency ?? words.currency), words.language);
    case "integer":
    case "decimal":
    case "rating":
      return showNumber(String(value), words.language);
    case "percent":
      return showPercent(String(value), words.language);
    case "boolean":
      return value === true ? words.yes : words.no;
    case "date":
      return showDate(String(value), words.language);
    case "datetime":
      return showMoment(String(value), words);
    case "picklist":
      return optionLabel(f, String(value));
    case "multi_picklist":
      return (value as string[]).map((key) => optionLabel(f, key)).join(", ");
    case "tags":
      return Array.isArray(value) ? value.join(", ") : String(value);
    case "phone":
      return showPhone(String(value));
    case "auto_number":
      return `#${value}`;
    case "relation": {
      if (typeof value !== "object" || value === null) return String(value);
      const linked = value as Row;
      const target = model?.object(f.target ?? String(linked.object ?? ""));
      return titleText(target, target ? linked[target.title] : undefined) || linked.id;
    }
    case "address":
    case "person_name":
    case "geo":
      return Object.values(value as Record<string, Value>)
        .filter((part) => !isEmpty(part))
        .join(", ");
    case "json":
      return JSON.stringify(value);
    default:
      return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
}
