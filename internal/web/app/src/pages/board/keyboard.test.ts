import { describe, expect, it } from "vitest";
import { nextLane } from "./keyboard";

describe("The lane beside one", () => {
  const lanes: [string, { left: number; width: number }][] = [
    ["won", { left: 600, width: 280 }],
    ["new", { left: 0, width: 280 }],
    ["offer", { left: 300, width: 280 }],
  ];

  it("is the next one on the screen, whatever the order of the stages", () => {
    expect(nextLane(lanes, "new", 1)?.[0]).toBe("offer");
    expect(nextLane(lanes, "won", -1)?.[0]).toBe("offer");
  });

  it("is none at the ends, and where the card is over no lane", () => {
    expect(nextLane(lanes, "won", 1)).toBeUndefined();
    expect(nextLane(lanes, "new", -1)).toBeUndefined();
    expect(nextLane(lanes, undefined, 1)).toBeUndefined();
  });
});
