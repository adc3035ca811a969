import { describe, expect, it } from "vitest";
import { type Cards, placeOf, withCard, withFresh, without } from "./cards";

const lane = (...pages: string[][]): Cards => ({
  pages: pages.map((ids) => ({ items: ids.map((id) => ({ id })) })),
  pageParams: pages.map(() => undefined),
});
const ids = (cards: Cards | undefined) => cards?.pages.map((page) => page.items.map((row) => row.id));

describe("The cards of a lane", () => {
  it("lose one wherever it stands, and keep the other pages as they are", () => {
    const before = lane(["a", "b"], ["c"]);
    const after = without(before, "c");
    expect(ids(after)).toEqual([["a", "b"], []]);
    expect(after?.pages[0]).toBe(before.pages[0]);
  });

  it("stay the same when the card was never there", () => {
    const before = lane(["a"]);
    expect(without(before, "z")).toBe(before);
    expect(without(undefined, "z")).toBeUndefined();
  });

  it("take a new one on top", () => {
    expect(ids(withCard(lane(["a"], ["b"]), { id: "z" }))).toEqual([["z", "a"], ["b"]]);
  });

  it("take one back where it stood", () => {
    const before = lane(["a", "b"], ["c", "d", "e"]);
    const place = placeOf(before, "d") ?? undefined;
    expect(ids(withCard(without(before, "d"), { id: "d" }, place))).toEqual(ids(before));
  });

  it("hold a card once, however often it is put there", () => {
    expect(ids(withCard(lane(["a", "b"]), { id: "b" }))).toEqual([["b", "a"]]);
  });

  it("show what was written to a card", () => {
    const after = withFresh(lane(["a", "b"]), { id: "b", name: "new" });
    expect(after?.pages[0]?.items[1]).toEqual({ id: "b", name: "new" });
    expect(ids(withFresh(lane(["a"]), { id: "z" }))).toEqual([["a"]]);
  });
});
