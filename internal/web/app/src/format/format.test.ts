import { describe, expect, it } from "vitest";
import { fromLocal, today, toLocal } from "./moments";
import { compareNumbers, readNumber, showMoney } from "./number";
import { isEmpty, showAgo, showDate } from "./text";

describe("numbers", () => {
  it.each([
    ["1,234.50", "en", "1234.50"],
    ["1.234,50", "de", "1234.50"],
    [" 007 ", "en", "7"],
    ["-.5", "en", "-0.5"],
    ["１２３", "zh-CN", "123"],
    ["12345678901234567890.1234", "en", "12345678901234567890.1234"],
    ["1e5", "en", null],
    ["twelve", "en", null],
    ["", "en", null],
  ])("%s in %s is read as %s", (typed, language, read) => expect(readNumber(typed, language)).toBe(read));

  it("are compared to the last digit", () => {
    expect(compareNumbers("12345678901234567890.1", "12345678901234567890.10")).toBe(0);
    expect(compareNumbers("12345678901234567890.2", "12345678901234567890.10")).toBe(1);
    expect(compareNumbers("-1", "-0.5")).toBe(-1);
  });

  it("of money keep all their digits and have the sign of their currency", () => {
    expect(showMoney("12345678901234567", "USD", "en")).toBe("$12,345,678,901,234,567");
    expect(showMoney("9.50", "EUR", "en")).toBe("€9.50");
    expect(showMoney("1000", "CNY", "zh-CN")).toBe("¥1,000");
    expect(showMoney("1", "no currency", "en")).toBe("1 no currency");
  });
});

describe("moments", () => {
  it("are shown and read where the organisation is", () => {
    expect(toLocal("2026-07-01T03:30:00Z", "America/New_York")).toBe("2026-06-30T23:30");
    expect(fromLocal("2026-06-30T23:30", "America/New_York")).toBe("2026-07-01T03:30:00.000Z");
    expect(fromLocal("2026-06-30T23:30", "Asia/Shanghai")).toBe("2026-06-30T15:30:00.000Z");
    expect(fromLocal("no time", "UTC")).toBeNull();
  });

  it("stay the same over the changes of the clock", () => {
    for (const moment of ["2026-03-08T06:59:00.000Z", "2026-03-08T07:01:00.000Z", "2026-11-01T07:01:00.000Z"]) {
      expect(fromLocal(toLocal(moment, "America/New_York"), "America/New_York")).toBe(moment);
    }
  });

  it("of today are those of the organisation", () => {
    expect(today("Asia/Shanghai", Date.parse("2026-11-24T17:00:00Z"))).toBe("2026-11-25");
  });

  it("of days do not depend on a time zone", () => expect(showDate("2026-11-24", "en")).toBe("Nov 24, 2026"));

  it("tell how long ago they were", () => {
    expect(showAgo("2026-11-24T10:00:00Z", "en", Date.parse("2026-11-24T12:00:00Z"))).toBe("2 hr. ago");
  });
});

describe("a value", () => {
  it("is empty when nothing in it is filled in", () => {
    expect([null, undefined, "", [], { line: null, city: "" }].every(isEmpty)).toBe(true);
    expect([0, false, "0", ["a"], { line: "x" }].some(isEmpty)).toBe(false);
  });
});
