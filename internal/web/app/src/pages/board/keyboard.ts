import { KeyboardCode, type KeyboardCoordinateGetter } from "@dnd-kit/core";

interface Box {
  left: number;
  width: number;
}

/** The lane beside the one that a card is over, in the direction of the arrow; as they stand on the screen. */
export function nextLane<Id>(lanes: [Id, Box][], over: Id | undefined, step: 1 | -1): [Id, Box] | undefined {
  const ordered = [...lanes].sort(([, a], [, b]) => a.left - b.left);
  const at = ordered.findIndex(([id]) => id === over);
  return at < 0 ? undefined : ordered[at + step];
}

/** Arrows left and right carry a card from lane to lane; a card has no place within its lane. */
export const fromLaneToLane: KeyboardCoordinateGetter = (event, { context }) => {
  const step = event.code === KeyboardCode.Right ? 1 : event.code === KeyboardCode.Left ? -1 : null;
  if (event.code === KeyboardCode.Up || event.code === KeyboardCode.Down) event.preventDefault();
  if (step === null) return undefined;
  event.preventDefault();
  const { collisionRect, droppableRects, over } = context;
  const next = nextLane([...droppableRects], over?.id, step);
  if (!next || !collisionRect) return undefined;
  const [, { left, width }] = next;
  return { x: left + (width - collisionRect.width) / 2, y: collisionRect.top };
};
