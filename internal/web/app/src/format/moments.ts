/**
 * Moments and days in the time zone of the tenant: a day begins where the
 * organisation is, not where the browser happens to be.
 */

interface Clock {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function clockAt(instant: number, timeZone: string): Clock {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(timeZone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(instant).map((part) => [part.type, Number(part.value)]));
  return parts as unknown as Clock;
}

const offsetAt = (instant: number, timeZone: string): number => {
  const { year, month, day, hour, minute, second } = clockAt(instant, timeZone);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1000) * 1000;
};

const two = (number: number): string => String(number).padStart(2, "0");

/** A moment as a field for date and time shows it: 2026-11-24T09:30. */
export function toLocal(moment: string, timeZone: string): string {
  const instant = Date.parse(moment);
  if (Number.isNaN(instant)) return "";
  const c = clockAt(instant, timeZone);
  return `${String(c.year).padStart(4, "0")}-${two(c.month)}-${two(c.day)}T${two(c.hour)}:${two(c.minute)}`;
}

/** What a field for date and time holds as a moment; null when it is none. */
export function fromLocal(local: string, timeZone: string): string | null {
  const wall = Date.parse(`${local}Z`);
  if (Number.isNaN(wall)) return null;
  // The offset depends on the moment that is looked for: the second look is past any change of the clock.
  const first = wall - offsetAt(wall, timeZone);
  return new Date(wall - offsetAt(first, timeZone)).toISOString();
}

/** The day of today where the organisation is. */
export const today = (timeZone: string, now = Date.now()): string =>
  toLocal(new Date(now).toISOString(), timeZone).slice(0, 10);
