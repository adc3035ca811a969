import { useCallback, useMemo } from "react";
import type { Model, ObjectType } from "@/api/schema";
import { typeOf } from "@/api/schema";
import { firstColumns } from "@/format/facts";
import { usePreference } from "@/state/preferences";

export interface Column {
  name: string;
  width: number;
}

const widths: Record<string, number> = {
  address: 220,
  auto_number: 96,
  boolean: 90,
  date: 130,
  datetime: 176,
  email: 210,
  integer: 110,
  long_text: 260,
  money: 140,
  percent: 110,
  phone: 150,
  picklist: 140,
  relation: 180,
  tags: 180,
  url: 190,
};

export const firstWidth = (type: string, isTitle: boolean): number => (isTitle ? 240 : (widths[type] ?? 160));

/** The columns of a list as somebody chose them, in their order and with their widths. */
export function useColumns(model: Model, object: ObjectType) {
  const [kept, keep] = usePreference<Column[] | null>(`columns.${object.name}`, null);
  const columns = useMemo(() => {
    const known = (kept ?? []).filter((one) => model.field(object.name, one.name));
    if (known.length > 0) return known;
    return firstColumns(model, object).map((name) => {
      const f = model.field(object.name, name);
      return { name, width: firstWidth(f ? typeOf(f) : "text", name === object.title) };
    });
  }, [kept, model, object]);
  const reset = useCallback(() => keep(undefined), [keep]);
  return { columns, setColumns: keep as (next: Column[]) => void, reset, isOwn: kept !== null };
}
