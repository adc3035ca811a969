import type { Announcements } from "@dnd-kit/core";
import type { TFunction } from "i18next";
import type { Row } from "@/api/records";

interface Names {
  card: (row: Row) => string;
  stage: (key: string) => string;
  allows: (row: Row, key: string) => boolean;
}

const rowOf = (active: { data: { current?: { row?: unknown } | undefined } }): Row | undefined =>
  active.data.current?.row as Row | undefined;

/** What is read out while a card is moved. */
export function announcements(t: TFunction, { card, stage, allows }: Names): Announcements {
  // A card is over its own lane as soon as it is lifted: that says nothing.
  let still = false;
  return {
    onDragStart: ({ active }) => {
      still = true;
      const row = rowOf(active);
      return row && t("board.lifted", { name: card(row), stage: stage(String(active.data.current?.stage)) });
    },
    onDragOver: ({ active, over }) => {
      const row = rowOf(active);
      if (!row || !over) return undefined;
      const key = String(over.id);
      if (still && key === active.data.current?.stage) return undefined;
      still = false;
      const said = t("board.over", { name: card(row), stage: stage(key) });
      return allows(row, key) ? said : `${said} ${t("record.notAllowed")}`;
    },
    onDragEnd: ({ active, over }) => {
      const row = rowOf(active);
      if (!row) return undefined;
      return over && allows(row, String(over.id))
        ? t("board.dropped", { name: card(row), stage: stage(String(over.id)) })
        : t("board.cancelled", { name: card(row) });
    },
    onDragCancel: ({ active }) => {
      const row = rowOf(active);
      return row && t("board.cancelled", { name: card(row) });
    },
  };
}
