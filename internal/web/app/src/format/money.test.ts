import { describe, expect, it } from "vitest";
import type { Pipeline } from "@/api/schema";
import { groupLines, inStages, totals } from "./money";

describe("Sums of money", () => {
  it("stay in the currency that all records have", () => {
    const { count, amount, weighted } = totals(
      [{ currency: "EUR", count: 3, amount: "1200.50", base: "1300", weighted: "600.25" }],
      "USD",
    );
    expect(count).toBe(3);
    expect(amount).toEqual({ amount: 1200.5, currency: "EUR" });
    expect(weighted).toEqual({ amount: 600.25, currency: "EUR" });
  });

  it("of several currencies are told in the organisation's", () => {
    const lines = [
      { currency: "USD", count: 1, amount: "100", base: "100", weighted: "50" },
      { currency: "EUR", count: 1, amount: "200", base: "220", weighted: "20" },
    ];
    expect(totals(lines, "USD").amount).toEqual({ amount: 320, currency: "USD" });
    expect(totals(lines, "USD").weighted?.amount).toBeCloseTo(72);
  });

  it("are not told where an amount could not be converted", () => {
    const lines = [
      { currency: "USD", count: 1, amount: "100", base: "100" },
      { currency: "EUR", count: 1, amount: "200", base: null },
    ];
    expect(totals(lines, "USD")).toEqual({ count: 2, amount: null, weighted: null });
  });

  it("weigh by the chance of the stage where records have no weight of their own", () => {
    expect(totals([{ count: 2, amount: "500" }], "USD", 40).weighted).toEqual({ amount: 200, currency: "USD" });
  });

  it("are nothing where no record says how much", () => {
    expect(totals([{ currency: "USD", count: 500, amount: null }], "USD", 10)).toEqual({
      count: 500,
      amount: null,
      weighted: null,
    });
  });
});

describe("Lines of an aggregate", () => {
  it("are put together by their group, in their order", () => {
    const groups = groupLines([{ stage: "a" }, { stage: "b" }, { stage: "a" }], (line) => line.stage);
    expect([...groups].map(([key, lines]) => [key, lines.length])).toEqual([
      ["a", 2],
      ["b", 1],
    ]);
  });
});

describe("The filter for a kind of stage", () => {
  const pipeline = {
    field: "stage",
    stages: [
      { key: "a", kind: "open" },
      { key: "b", kind: "open" },
      { key: "c", kind: "won" },
    ],
  } as Pipeline;

  it("names the stages of that kind", () => {
    expect(inStages(pipeline, "open")).toBe('stage in ["a", "b"]');
    expect(inStages(pipeline, "won")).toBe('stage in ["c"]');
  });

  it("finds nothing where no stage is of that kind", () => {
    expect(inStages(pipeline, "lost")).toBe("false");
  });
});
