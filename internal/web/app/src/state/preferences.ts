import { useCallback, useSyncExternalStore } from "react";

/**
 * What somebody chose about the page: kept in the browser, by name. Values are
 * JSON; what cannot be read any more counts as not chosen.
 */
const prefix = "kontor.";
const listeners = new Map<string, Set<() => void>>();
const parsed = new Map<string, { text: string | null; value: unknown }>();

function stored(name: string): string | null {
  try {
    return localStorage.getItem(prefix + name);
  } catch {
    return null;
  }
}

export function preference<T>(name: string, otherwise: T): T {
  const text = stored(name);
  const known = parsed.get(name);
  if (known && known.text === text) return known.value === undefined ? otherwise : (known.value as T);
  let value: unknown;
  try {
    value = text === null ? undefined : JSON.parse(text);
  } catch {
    value = undefined;
  }
  parsed.set(name, { text, value });
  return value === undefined ? otherwise : (value as T);
}

export function prefer(name: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(prefix + name);
    else localStorage.setItem(prefix + name, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing: it is so until the page is closed.
    parsed.set(name, { text: stored(name), value });
  }
  for (const listener of listeners.get(name) ?? []) listener();
}

export function usePreference<T>(name: string, otherwise: T): [T, (value: T | undefined) => void] {
  const subscribe = useCallback(
    (listener: () => void) => {
      const all = listeners.get(name) ?? new Set();
      listeners.set(name, all.add(listener));
      return () => all.delete(listener);
    },
    [name],
  );
  const value = useSyncExternalStore(subscribe, () => preference(name, otherwise));
  return [value, useCallback((next: T | undefined) => prefer(name, next), [name])];
}
