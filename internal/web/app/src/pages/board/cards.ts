import type { InfiniteData } from "@tanstack/react-query";
import type { Page, Row } from "@/api/records";

/** The cards of a lane that were read so far, page after page. */
export type Cards = InfiniteData<Page, string | undefined>;

/** Where a card stands: on which page, and in which place of it. */
export interface Place {
  page: number;
  at: number;
}

export function placeOf(cards: Cards | undefined, id: string): Place | null {
  const pages = cards?.pages ?? [];
  for (const [page, { items }] of pages.entries()) {
    const at = items.findIndex((row) => row.id === id);
    if (at >= 0) return { page, at };
  }
  return null;
}

const onPages = (cards: Cards, edit: (items: Row[], page: number) => Row[]): Cards => ({
  ...cards,
  pages: cards.pages.map((page, number) => {
    const items = edit(page.items, number);
    return items === page.items ? page : { ...page, items };
  }),
});

export function without(cards: Cards | undefined, id: string): Cards | undefined {
  return cards && placeOf(cards, id)
    ? onPages(cards, (items) => (items.some((row) => row.id === id) ? items.filter((row) => row.id !== id) : items))
    : cards;
}

/** Puts a card where it stood, or on top. A card that is there already is put in its place anew. */
export function withCard(cards: Cards | undefined, row: Row, place: Place = { page: 0, at: 0 }): Cards | undefined {
  const rest = without(cards, row.id);
  if (!rest) return rest;
  const page = Math.min(place.page, rest.pages.length - 1);
  return onPages(rest, (items, number) =>
    number === page ? [...items.slice(0, place.at), row, ...items.slice(place.at)] : items,
  );
}

/** Shows a card as it is now, where it stands. */
export function withFresh(cards: Cards | undefined, row: Row): Cards | undefined {
  const place = placeOf(cards, row.id);
  return place ? withCard(cards, row, place) : cards;
}
