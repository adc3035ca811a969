import type { Field, ObjectType } from "@/api/schema";
import { typeOf } from "@/api/schema";

/**
 * Filters as people click them together, and as the CEL that they are. What the
 * page writes it can read again; of CEL that says more it says so (null).
 */
export type Operator =
  | "eq"
  | "ne"
  | "in"
  | "contains"
  | "starts"
  | "gt"
  | "ge"
  | "lt"
  | "le"
  | "after"
  | "before"
  | "empty"
  | "filled"
  | "yes"
  | "no"
  | "mine";

export interface Condition {
  field: string;
  operator: Operator;
  /** What is compared with; several for "in". Numbers and days are texts too. */
  values: string[];
}

const texts: Operator[] = ["contains", "eq", "ne", "starts", "empty", "filled"];
const numbers: Operator[] = ["eq", "ne", "gt", "ge", "lt", "le", "empty", "filled"];
const days: Operator[] = ["after", "before", "eq", "empty", "filled"];
const choices: Operator[] = ["in", "eq", "ne", "empty", "filled"];

const byType: Record<string, Operator[]> = {
  text: texts,
  long_text: ["contains", "empty", "filled"],
  email: texts,
  phone: texts,
  url: texts,
  integer: numbers,
  auto_number: numbers,
  rating: numbers,
  decimal: numbers,
  money: numbers,
  percent: numbers,
  date: days,
  datetime: ["after", "before", "empty", "filled"],
  picklist: choices,
  boolean: ["yes", "no", "empty"],
  currency: ["eq", "ne"],
};

/** How a field can be compared; empty when this cannot be clicked together. */
export function operatorsOf(f: Field): Operator[] {
  if (f.type === "relation") {
    if (!f.target) return [];
    return f.target === "user" ? ["mine", "eq", "ne", "empty", "filled"] : ["eq", "ne", "empty", "filled"];
  }
  return byType[typeOf(f)] ?? [];
}

/** Whether an operator needs nothing to compare with. */
export const isAlone = (operator: Operator): boolean => ["empty", "filled", "yes", "no", "mine"].includes(operator);

export const quote = (text: string): string => JSON.stringify(text);

const numeric = new Set(["integer", "auto_number", "rating", "decimal", "money", "percent"]);

function literal(f: Field, value: string): string {
  const type = typeOf(f);
  if (numeric.has(type)) return value;
  if (type === "date") return `date(${quote(value)})`;
  if (type === "datetime") return `timestamp(${quote(value)})`;
  return quote(value);
}

const signs: Partial<Record<Operator, string>> = {
  eq: "==",
  ne: "!=",
  gt: ">",
  ge: ">=",
  lt: "<",
  le: "<=",
  after: ">=",
  before: "<",
};

function write(f: Field, { operator, values }: Condition): string {
  const name = f.name;
  const value = values[0] ?? "";
  switch (operator) {
    case "empty":
      return `${name} == null`;
    case "filled":
      return `${name} != null`;
    case "yes":
      return `${name} == true`;
    case "no":
      return `${name} == false`;
    case "mine":
      return `${name} == user()`;
    case "in":
      return `${name} in [${values.map((one) => literal(f, one)).join(", ")}]`;
    case "contains":
      return `${name}.lowerAscii().contains(${quote(lowerAscii(value))})`;
    case "starts":
      return `${name}.lowerAscii().startsWith(${quote(lowerAscii(value))})`;
    default:
      return `${name} ${signs[operator]} ${literal(f, value)}`;
  }
}

/** CEL's lowerAscii: letters of ASCII alone. */
export const lowerAscii = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** The CEL of conditions that all have to hold. Those that say nothing yet are left out. */
export function writeFilter(object: ObjectType, conditions: Condition[]): string {
  const parts: string[] = [];
  for (const condition of conditions) {
    const f = object.fields.find((one) => one.name === condition.field);
    if (
      !f ||
      (!isAlone(condition.operator) && (condition.values.length === 0 || condition.values.some((v) => v === "")))
    )
      continue;
    parts.push(write(f, condition));
  }
  return parts.join(" && ");
}

const name = "([a-z][a-z0-9_]*)";
const text = String.raw`("(?:[^"\\]|\\.)*")`;

const forms: { pattern: RegExp; read: (m: RegExpExecArray) => Condition | null }[] = [
  { pattern: new RegExp(`^${name} == user\\(\\)$`), read: (m) => condition(m[1], "mine") },
  { pattern: new RegExp(`^${name} (==|!=) null$`), read: (m) => condition(m[1], m[2] === "==" ? "empty" : "filled") },
  { pattern: new RegExp(`^${name} == (true|false)$`), read: (m) => condition(m[1], m[2] === "true" ? "yes" : "no") },
  {
    pattern: new RegExp(`^${name}\\.lowerAscii\\(\\)\\.(contains|startsWith)\\(${text}\\)$`),
    read: (m) => condition(m[1], m[2] === "contains" ? "contains" : "starts", unquote(m[3])),
  },
  { pattern: new RegExp(`^${name} in \\[(.*)\\]$`), read: (m) => readList(m[1], m[2]) },
  {
    pattern: new RegExp(`^${name} (==|>=|<) (?:date|timestamp)\\(${text}\\)$`),
    read: (m) => condition(m[1], m[2] === "==" ? "eq" : m[2] === "<" ? "before" : "after", unquote(m[3])),
  },
  {
    pattern: new RegExp(`^${name} (==|!=) ${text}$`),
    read: (m) => condition(m[1], m[2] === "==" ? "eq" : "ne", unquote(m[3])),
  },
  {
    pattern: new RegExp(`^${name} (==|!=|>=|<=|>|<) (-?\\d+(?:\\.\\d+)?)$`),
    read: (m) => condition(m[1], operatorOf(m[2]), m[3]),
  },
];

const operatorOf = (sign = ""): Operator =>
  (({ "==": "eq", "!=": "ne", ">": "gt", ">=": "ge", "<": "lt", "<=": "le" }) as Record<string, Operator>)[sign] ??
  "eq";

function condition(field: string | undefined, operator: Operator, value?: string | null): Condition | null {
  if (field === undefined || value === null) return null;
  return { field, operator, values: value === undefined ? [] : [value] };
}

function unquote(quoted: string | undefined): string | null {
  try {
    return JSON.parse(quoted ?? "");
  } catch {
    return null;
  }
}

function readList(field: string | undefined, inside = ""): Condition | null {
  try {
    const values = JSON.parse(`[${inside}]`) as unknown[];
    if (field === undefined || values.length === 0 || values.some((one) => typeof one !== "string")) return null;
    return { field, operator: "in", values: values as string[] };
  } catch {
    return null;
  }
}

/** The parts of an expression between its outermost &&. */
export function conjuncts(expression: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoteMark = "";
  let start = 0;
  for (let at = 0; at < expression.length; at++) {
    const character = expression[at] as string;
    if (quoteMark) {
      if (character === "\\") at++;
      else if (character === quoteMark) quoteMark = "";
    } else if (character === '"' || character === "'") quoteMark = character;
    else if ("([{".includes(character)) depth++;
    else if (")]}".includes(character)) depth--;
    else if (depth === 0 && expression.startsWith("&&", at)) {
      parts.push(expression.slice(start, at).trim());
      start = at + 2;
      at++;
    }
  }
  parts.push(expression.slice(start).trim());
  return parts;
}

/** The conditions of a filter, or null when it says more than conditions can. */
export function readFilter(object: ObjectType, filter: string): Condition[] | null {
  if (filter.trim() === "") return [];
  const found: Condition[] = [];
  for (const part of conjuncts(filter)) {
    const one = readCondition(part);
    const f = object.fields.find((candidate) => candidate.name === one?.field);
    if (!one || !f || !operatorsOf(f).includes(one.operator)) return null;
    found.push(one);
  }
  return found;
}

function readCondition(part: string): Condition | null {
  for (const form of forms) {
    const match = form.pattern.exec(part);
    if (match) return form.read(match);
  }
  return null;
}

const searched = new Set(["text", "email", "phone", "url", "auto_number"]);

/** The CEL that finds what somebody typed in the texts by which records of an object are known. */
export function quickSearch(object: ObjectType, typed: string): string {
  const wanted = typed.trim();
  if (wanted === "") return "";
  const parts: string[] = [];
  for (const f of object.fields) {
    if (!searched.has(f.type) || !(f.searchable || f.name === object.title || f.type === "auto_number")) continue;
    if (f.type === "auto_number") {
      if (/^#?\d{1,15}$/.test(wanted)) parts.push(`${f.name} == ${wanted.replace("#", "").replace(/^0+(?=\d)/, "")}`);
    } else parts.push(`${f.name}.lowerAscii().contains(${quote(lowerAscii(wanted))})`);
  }
  return parts.length === 0 ? "false" : parts.length === 1 ? (parts[0] as string) : `(${parts.join(" || ")})`;
}

export const both = (...filters: string[]): string => {
  const given = filters.filter((one) => one.trim() !== "");
  return given.length > 1
    ? given
        .map((one) => (conjuncts(one).length > 1 || one.includes("||") || one.includes("?") ? `(${one})` : one))
        .join(" && ")
    : (given[0] ?? "");
};
