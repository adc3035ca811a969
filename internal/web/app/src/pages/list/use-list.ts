import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { list, withTitles } from "@/api/records";
import type { Model, ObjectType } from "@/api/schema";

const pageSize = 100;

/** Up to here an exact number costs little; beyond it an estimate does. */
const exactUpTo = 50_000;

export interface Wanted {
  filter: string;
  sort: string[];
  columns: string[];
}

/** Relations are sorted by the titles of what they point to. */
export function sortName(model: Model, object: ObjectType, wanted: string): string {
  const name = wanted.replace(/^-/, "");
  const f = model.field(object.name, name);
  const target = f?.type === "relation" && f.target ? model.object(f.target) : undefined;
  return (wanted.startsWith("-") ? "-" : "") + (target ? `${name}.${target.title}` : name);
}

/** The rows of a list, page after page, and how many there are in all. */
export function useList(model: Model, object: ObjectType, { filter, sort, columns }: Wanted) {
  const fields = useMemo(() => {
    const has = (name: string) => model.field(object.name, name) !== undefined;
    const companions = columns.map((name) => `${name}_e164`);
    const names = new Set(["id", "version", object.title, ...columns, ...companions, "currency"].filter(has));
    return withTitles(model, object, [...names]);
  }, [model, object, columns]);
  const order = useMemo(() => sort.map((one) => sortName(model, object, one)), [model, object, sort]);
  const rows = useInfiniteQuery({
    queryKey: ["list", object.name, { filter, sort: order, fields }],
    queryFn: ({ pageParam, signal }) =>
      list(
        object.name,
        { filter: filter || undefined, sort: order, fields, limit: pageSize, after: pageParam },
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
    // What was shown stays until the next is there; another object's rows never do.
    placeholderData: (previous, query) => (query?.queryKey[1] === object.name ? previous : undefined),
  });
  const count = useQuery({
    queryKey: ["count", object.name, filter],
    queryFn: async ({ signal }) => {
      const ask = (mode: "exact" | "estimate") =>
        list(object.name, { filter: filter || undefined, fields: ["id"], limit: 1, count: mode }, signal);
      const guess = await ask("estimate");
      return (guess.count ?? 0) > exactUpTo ? guess : ask("exact");
    },
    placeholderData: (previous, query) => (query?.queryKey[1] === object.name ? previous : undefined),
  });
  return { rows, count: count.data };
}
