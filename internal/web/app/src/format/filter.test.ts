import { describe, expect, it } from "vitest";
import type { Field, ObjectType } from "@/api/schema";
import { both, type Condition, quickSearch, readFilter, writeFilter } from "./filter";

const field = (name: string, type: string, more: Partial<Field> = {}): Field => ({
  name,
  type,
  label: name,
  custom: false,
  system: false,
  readOnly: false,
  required: false,
  unique: false,
  searchable: false,
  ...more,
});

const deal: ObjectType = {
  name: "deal",
  label: "Deal",
  custom: true,
  title: "name",
  fields: [
    field("name", "text", { searchable: true }),
    field("number", "auto_number"),
    field("note", "text"),
    field("stage", "picklist"),
    field("amount", "money"),
    field("closed", "date"),
    field("made_at", "datetime"),
    field("hot", "boolean"),
    field("owner", "relation", { target: "user" }),
    field("weight", "formula", { returns: "decimal" }),
  ],
};

describe("a filter", () => {
  const cases: [string, Condition[], string][] = [
    [
      "compares texts without their case",
      [{ field: "name", operator: "contains", values: ['a "b"\\'] }],
      String.raw`name.lowerAscii().contains("a \"b\"\\")`,
    ],
    [
      "joins conditions with &&",
      [
        { field: "amount", operator: "ge", values: ["1000.50"] },
        { field: "stage", operator: "in", values: ["won", "lost"] },
      ],
      `amount >= 1000.50 && stage in ["won", "lost"]`,
    ],
    [
      "knows days and moments",
      [
        { field: "closed", operator: "after", values: ["2026-01-31"] },
        { field: "made_at", operator: "before", values: ["2026-01-31T00:00:00Z"] },
      ],
      `closed >= date("2026-01-31") && made_at < timestamp("2026-01-31T00:00:00Z")`,
    ],
    [
      "knows what is empty",
      [
        { field: "owner", operator: "empty", values: [] },
        { field: "amount", operator: "filled", values: [] },
      ],
      "owner == null && amount != null",
    ],
    [
      "knows yes and me",
      [
        { field: "hot", operator: "yes", values: [] },
        { field: "owner", operator: "mine", values: [] },
      ],
      "hot == true && owner == user()",
    ],
    [
      "takes computed fields for what they return",
      [{ field: "weight", operator: "lt", values: ["-2"] }],
      "weight < -2",
    ],
    ["holds && within a text", [{ field: "note", operator: "eq", values: ["a && b"] }], `note == "a && b"`],
  ];
  it.each(cases)("%s", (_, conditions, cel) => {
    expect(writeFilter(deal, conditions)).toBe(cel);
    expect(readFilter(deal, cel)).toEqual(conditions);
  });

  it("leaves out conditions that say nothing yet", () => {
    expect(
      writeFilter(deal, [
        { field: "name", operator: "eq", values: [""] },
        { field: "gone", operator: "empty", values: [] },
      ]),
    ).toBe("");
  });

  it.each([
    "amount > 1 || amount < 0",
    "amount * 2 > 4",
    "gone == 1",
    "name == other",
    "name in [stage]",
    "!(hot)",
    "a && ",
  ])("that says more than conditions can is not taken for one: %s", (cel) => expect(readFilter(deal, cel)).toBeNull());

  it("finds what was typed in the texts that records are known by", () => {
    expect(quickSearch(deal, " Ab ")).toBe('name.lowerAscii().contains("ab")');
    expect(quickSearch(deal, "#042")).toBe('(name.lowerAscii().contains("#042") || number == 42)');
    expect(quickSearch(deal, " ")).toBe("");
  });

  it("keeps the meaning of two filters that it joins", () => {
    expect(both("", "a == 1", "")).toBe("a == 1");
    expect(both("a == 1 || b == 2", "c == 3")).toBe("(a == 1 || b == 2) && c == 3");
  });
});
