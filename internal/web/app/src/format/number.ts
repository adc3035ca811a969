/**
 * Numbers as people of a language write them. They stay texts all the way:
 * money has more digits than a JavaScript number holds.
 */

const symbols = new Map<string, { group: string; decimal: string }>();

function symbolsOf(language: string): { group: string; decimal: string } {
  let known = symbols.get(language);
  if (!known) {
    const parts = new Intl.NumberFormat(language).formatToParts(1_234_567.8);
    known = {
      group: parts.find((part) => part.type === "group")?.value ?? "",
      decimal: parts.find((part) => part.type === "decimal")?.value ?? ".",
    };
    symbols.set(language, known);
  }
  return known;
}

const numeral = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;

/** Reads what somebody typed: "1,234.5" is "1234.5". Null is no number. */
export function readNumber(typed: string, language: string): string | null {
  const { group, decimal } = symbolsOf(language);
  let text = typed.normalize("NFKC").replace(/[\s']/g, "");
  if (group) text = text.replaceAll(group, "");
  if (decimal !== ".") text = text.replace(decimal, ".");
  if (!numeral.test(text)) return null;
  const negative = text.startsWith("-");
  const [whole = "", fraction = ""] = text.replace(/^[+-]/, "").split(".");
  const digits = whole.replace(/^0+(?=\d)/, "") || "0";
  return (negative ? "-" : "") + (fraction ? `${digits}.${fraction}` : digits);
}

/** Compares two numerals exactly, however long they are. */
export function compareNumbers(a: string, b: string): number {
  const scale = Math.max(scaleOf(a), scaleOf(b));
  const left = scaled(a, scale);
  const right = scaled(b, scale);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The number of digits behind the point. */
export const scaleOf = (numeral: string): number => numeral.split(".")[1]?.length ?? 0;

const scaled = (numeral: string, scale: number): bigint => {
  const [whole = "0", fraction = ""] = numeral.split(".");
  return BigInt(whole.replace("+", "") + fraction.padEnd(scale, "0"));
};

const kept = new Map<string, Intl.NumberFormat>();

function format(language: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  let known = kept.get(key);
  if (!known) {
    known = new Intl.NumberFormat(language, options);
    kept.set(key, known);
  }
  return known;
}

// A text keeps all digits; the types of TypeScript know numbers alone.
const asNumber = (text: string): number => text as unknown as number;

export const showNumber = (value: string | number, language: string, scale = 12): string =>
  format(language, { maximumFractionDigits: scale }).format(asNumber(String(value)));

/** Money with its sign; whole amounts are shown without fractions. */
export function showMoney(value: string | number, currency: string, language: string, compact = false): string {
  const text = String(value);
  const whole = !/\.\d*[1-9]/.test(text);
  try {
    return format(language, {
      style: "currency",
      currency: currency || "XXX", // ISO 4217 for no currency
      currencyDisplay: "narrowSymbol",
      ...(compact
        ? { notation: "compact", maximumFractionDigits: 1 }
        : whole
          ? { maximumFractionDigits: 0 }
          : { maximumFractionDigits: 4 }),
    }).format(asNumber(text));
  } catch {
    return `${showNumber(text, language)} ${currency}`;
  }
}

export const showPercent = (value: string | number, language: string): string =>
  `${showNumber(value, language)}${language.startsWith("fr") || language.startsWith("de") ? " " : ""}%`;
