import type { InfiniteData } from "@tanstack/react-query";
import { isStale, Problem } from "@/api/problem";
import { queries } from "@/api/queries";
import { change, type Page, type Row, read, type Value } from "@/api/records";
import { notify } from "@/components/ui/toast";
import { explain } from "@/i18n/explain";
import { createStore } from "./store";

/**
 * Writes to a record are shown at once and taken back when the server refuses
 * them. A record that somebody else changed meanwhile is never overwritten: what
 * both changed is asked about, the rest goes together.
 */
export interface Conflict {
  object: string;
  id: string;
  /** What was there when this person began. */
  base: Row;
  mine: Record<string, Value>;
  theirs: Row;
  /** The fields that both changed to something else. */
  fields: string[];
  settle: (row: Row | null) => void;
}

/** The conflict that waits for an answer, if any. */
export const conflict = createStore<Conflict | null>(null);

const same = (a: Value, b: Value): boolean => JSON.stringify(plain(a)) === JSON.stringify(plain(b));

/** A relation that came with a title is its id. */
function plain(value: Value): Value {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value ?? null;
  const record = value as Row;
  return typeof record.id === "string" && record.object === undefined ? record.id : value;
}

/** The fields that stand in the way: changed by both, and not to the same. */
export const disputed = (base: Row, mine: Record<string, Value>, theirs: Row): string[] =>
  Object.keys(mine).filter((name) => !same(base[name], theirs[name]) && !same(mine[name], theirs[name]));

/**
 * Saves some values of a record. Null means that nothing was saved because the
 * person chose so; what the server refuses is thrown, after it was taken back.
 */
export async function save(object: string, base: Row, mine: Record<string, Value>): Promise<Row | null> {
  const undo = showAtOnce(object, base.id, mine);
  try {
    const saved = await write(object, base, mine, base.version);
    if (saved) await settle(object, saved);
    else undo();
    return saved;
  } catch (error) {
    undo();
    throw error;
  }
}

async function write(
  object: string,
  base: Row,
  mine: Record<string, Value>,
  version: number | undefined,
): Promise<Row | null> {
  try {
    return await change(object, base.id, mine, version);
  } catch (error) {
    if (!isStale(error)) throw error;
  }
  const theirs = await read(object, base.id);
  const fields = disputed(base, mine, theirs);
  if (fields.length === 0) return write(object, base, mine, theirs.version);
  return new Promise((settle) => conflict.set({ object, id: base.id, base, mine, theirs, fields, settle }));
}

/** Ends the conflict with what was chosen for each field: mine are written over what was seen of theirs. */
export async function resolve(open: Conflict, keepMine: string[]): Promise<void> {
  const values = Object.fromEntries(
    Object.entries(open.mine).filter(([name]) => !open.fields.includes(name) || keepMine.includes(name)),
  );
  conflict.set(null);
  if (Object.keys(values).length === 0) {
    await settle(open.object, open.theirs);
    open.settle(open.theirs);
    return;
  }
  try {
    open.settle(await write(open.object, open.theirs, values, open.theirs.version));
  } catch (error) {
    notify({ title: explain(error), failed: true });
    open.settle(null);
  }
}

export function giveUp(open: Conflict): void {
  conflict.set(null);
  void queries.invalidateQueries({ queryKey: ["record", open.object, open.id] });
  open.settle(null);
}

/** Shows values in all that is on the page, and gives the way back. */
function showAtOnce(object: string, id: string, values: Record<string, Value>): () => void {
  const before = [
    ...queries.getQueriesData<InfiniteData<Page>>({ queryKey: ["list", object] }),
    ...queries.getQueriesData<Row>({ queryKey: ["record", object, id] }),
  ];
  patchLists(object, id, (row) => ({ ...row, ...values }));
  queries.setQueriesData<Row>({ queryKey: ["record", object, id] }, (row) => row && { ...row, ...values });
  return () => {
    for (const [key, data] of before) queries.setQueryData(key, data);
  };
}

function patchLists(object: string, id: string, patch: (row: Row) => Row): void {
  queries.setQueriesData<InfiniteData<Page>>({ queryKey: ["list", object] }, (data) => patchPages(data, id, patch));
}

function patchPages(data: InfiniteData<Page> | undefined, id: string, patch: (row: Row) => Row) {
  if (!data?.pages.some((page) => page.items.some((row) => row.id === id))) return data;
  return {
    ...data,
    pages: data.pages.map((page) =>
      page.items.some((row) => row.id === id)
        ? { ...page, items: page.items.map((row) => (row.id === id ? patch(row) : row)) }
        : page,
    ),
  };
}

/** Reads a record that was written again, in each form in which the page shows it. */
export async function settle(object: string, saved: Row): Promise<void> {
  const lists = queries.getQueriesData<InfiniteData<Page>>({ queryKey: ["list", object] });
  await Promise.all([
    ...lists.map(async ([key, data]) => {
      const row = data?.pages.flatMap((page) => page.items).find((one) => one.id === saved.id);
      if (!row) return;
      const { fields } = key[2] as { fields: string[] };
      const fresh = await read(object, saved.id, fields).catch(() => ({ ...row, ...saved }));
      queries.setQueryData<InfiniteData<Page>>(key, (now) => patchPages(now, saved.id, () => fresh));
    }),
    queries.invalidateQueries({ queryKey: ["record", object, saved.id] }),
    queries.invalidateQueries({ queryKey: ["timeline", object, saved.id] }),
    queries.invalidateQueries({ queryKey: ["card", object, saved.id] }),
    queries.invalidateQueries({ queryKey: ["figures", object] }),
    queries.invalidateQueries({ queryKey: ["board", object] }),
  ]);
}

/** Saves, and says when that did not work. For places that have no room for the reason. */
export async function saveOrSay(object: string, base: Row, values: Record<string, Value>): Promise<Row | null> {
  try {
    return await save(object, base, values);
  } catch (error) {
    const description = error instanceof Problem && error.violations[0]?.message;
    notify({ title: description || explain(error), failed: true });
    return null;
  }
}

/** After records were made or taken away, lists and figures are read again. */
export async function recordsMoved(object: string): Promise<void> {
  await Promise.all(
    ["list", "count", "figures", "board", "related", "candidates", "timeline"].map((kind) =>
      queries.invalidateQueries({
        queryKey: kind === "related" || kind === "timeline" || kind === "candidates" ? [kind] : [kind, object],
      }),
    ),
  );
}
