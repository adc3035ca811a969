import type { Value } from "@/api/records";
import { prefer, preference } from "./preferences";
import { createStore } from "./store";

/** Whether the palette of commands is open. */
export const paletteOpen = createStore(false);

/** The navigation on a narrow screen. */
export const navigationOpen = createStore(false);

export interface Creating {
  object: string;
  values?: Record<string, Value>;
}

/** The record that is being made in the sheet beside the page, if any. */
export const creating = createStore<Creating | null>(null);

export interface Visited {
  object: string;
  id: string;
  title: string;
}

const kept = 8;

export const recentlyVisited = (): Visited[] => preference<Visited[]>("recent", []);

export function visited(one: Visited): void {
  const others = recentlyVisited().filter((other) => other.id !== one.id);
  prefer("recent", [one, ...others].slice(0, kept));
}
