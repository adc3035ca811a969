import type { ObjectType, Pipeline } from "@/api/schema";
import { typeOf } from "@/api/schema";

/**
 * Sums of money from `aggregate`. Amounts of several currencies are never added:
 * they are told in the organisation's own, as far as the records have been
 * converted, and otherwise not at all.
 */
export interface Sum {
  amount: number;
  currency: string;
}

/** The fields of an object that say how much a record is worth. */
export interface MoneyFields {
  amount: string;
  /** The amount in the organisation's currency. */
  base?: string;
  /** The amount by its chances. */
  weighted?: string;
  currency?: string;
}

export function moneyFields(object: ObjectType): MoneyFields | null {
  const has = (name: string) => object.fields.some((f) => f.name === name);
  const first = object.fields.find((f) => f.type === "money" && !f.system && !f.readOnly);
  const amount = has("amount") ? "amount" : first?.name;
  if (!amount || !object.fields.some((f) => f.name === amount && typeOf(f) === "money")) return null;
  return {
    amount,
    ...(has(`${amount}_base`) && { base: `${amount}_base` }),
    ...(has(`weighted_${amount}`) && { weighted: `weighted_${amount}` }),
    ...(has("currency") && { currency: "currency" }),
  };
}

/** One line of an aggregate by currency. */
export interface Line {
  currency?: unknown;
  count?: unknown;
  amount?: unknown;
  base?: unknown;
  weighted?: unknown;
}

export interface Totals {
  count: number;
  amount: Sum | null;
  weighted: Sum | null;
}

/** The values that `totals` reads, for a request of an aggregate. */
export const totalValues = (money: MoneyFields | null) => [
  { function: "count", name: "count" },
  ...(money ? [{ function: "sum", field: money.amount, name: "amount" }] : []),
  ...(money?.base ? [{ function: "sum", field: money.base, name: "base" }] : []),
  ...(money?.weighted ? [{ function: "sum", field: money.weighted, name: "weighted" }] : []),
];

export const totalGroups = (money: MoneyFields | null): string[] => (money?.currency ? [money.currency] : []);

const number = (value: unknown): number => (value === null || value === undefined ? 0 : Number(value));

/** What lines by currency come to together. Without a weighted amount of its own a sum weighs by the chance given. */
export function totals(lines: Line[], currency: string, chance?: number): Totals {
  const count = lines.reduce((sum, one) => sum + number(one.count), 0);
  const worth = lines.filter((one) => number(one.amount) !== 0);
  const names = new Set(worth.map((one) => String(one.currency ?? currency)));
  const weigh = (line: Line, amount: number): number =>
    line.weighted !== undefined && line.weighted !== null
      ? amount * (number(line.weighted) / number(line.amount))
      : amount * ((chance ?? 0) / 100);
  const alone = names.size <= 1;
  const told = alone ? ([...names][0] ?? currency) : currency;
  const amountOf = (line: Line): number => number(alone || line.currency === currency ? line.amount : line.base);
  const known = alone || worth.every((one) => one.currency === currency || number(one.base) !== 0);
  const sum = (of: (line: Line) => number): Sum | null =>
    known && worth.length > 0 ? { amount: worth.reduce((all, one) => all + of(one), 0), currency: told } : null;
  const weighs = chance !== undefined || worth.some((one) => one.weighted !== undefined && one.weighted !== null);
  return { count, amount: sum(amountOf), weighted: weighs ? sum((one) => weigh(one, amountOf(one))) : null };
}

/** Lines of an aggregate, put together by what they are grouped by. */
export function groupLines<K>(lines: Record<string, unknown>[], key: (line: Record<string, unknown>) => K) {
  const groups = new Map<K, Record<string, unknown>[]>();
  for (const line of lines) {
    const one = key(line);
    const there = groups.get(one);
    if (there) there.push(line);
    else groups.set(one, [line]);
  }
  return groups;
}

/** The filter that finds the records in one of some stages. */
export function inStages(pipeline: Pipeline, kind: "open" | "won" | "lost"): string {
  const keys = pipeline.stages.filter((one) => one.kind === kind).map((one) => one.key);
  if (keys.length === 0) return "false";
  return `${pipeline.field} in [${keys.map((key) => JSON.stringify(key)).join(", ")}]`;
}
