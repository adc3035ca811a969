import { useQuery } from "@tanstack/react-query";
import { aggregate, list, withTitles } from "@/api/records";
import type { Model, ObjectType, Pipeline } from "@/api/schema";
import { quote } from "@/format/filter";
import { amountOf } from "@/pages/board/use-board";

/** The object whose pipeline a home page is about: opportunities, where there are any. */
export function salesOf(model: Model): { object: ObjectType; pipeline: Pipeline } | undefined {
  const pipeline = model.pipeline("opportunity");
  const object = model.object("opportunity");
  return pipeline && object ? { object, pipeline } : undefined;
}

/** The amount in the currency of the organisation, where the object has one. */
export function baseAmount(object: ObjectType): string | undefined {
  const amount = amountOf(object);
  if (!amount) return undefined;
  const base = `${amount.name}_base`;
  return object.fields.some((f) => f.name === base) ? base : amount.name;
}

export const stagesOf = (pipeline: Pipeline, ...kinds: string[]): string =>
  `${pipeline.field} in [${pipeline.stages
    .filter((one) => kinds.includes(one.kind))
    .map((one) => quote(one.key))
    .join(", ")}]`;

export interface Month {
  month: string;
  sum: number;
  count: number;
}

/** What was won, or may be, in each month of a date. */
export function useMonths(object: ObjectType, date: string, summed: string, filter: string, enabled: boolean) {
  return useQuery({
    queryKey: ["figures", object.name, "months", date, summed, filter],
    enabled,
    queryFn: async ({ signal }): Promise<Month[]> => {
      const answer = await aggregate(
        object.name,
        {
          groups: [{ field: date, by: "month", name: "month" }],
          values: [
            { function: "sum", field: summed, name: "sum" },
            { function: "count", name: "count" },
          ],
          filter: `${filter} && ${date} != null`,
        },
        signal,
      );
      return answer.items
        .map((item) => ({ month: String(item.month), sum: Number(item.sum ?? 0), count: Number(item.count) }))
        .sort((a, b) => a.month.localeCompare(b.month));
    },
  });
}

export interface Best {
  id: string;
  title: string;
  sum: number;
}

export function useBest(
  model: Model,
  object: ObjectType,
  by: string,
  summed: string,
  filter: string,
  enabled: boolean,
) {
  const target = model.object(model.field(object.name, by)?.target ?? "");
  return useQuery({
    queryKey: ["figures", object.name, "best", by, summed, filter],
    enabled,
    queryFn: async ({ signal }): Promise<Best[]> => {
      const answer = await aggregate(
        object.name,
        {
          groups: [by],
          values: [{ function: "sum", field: summed, name: "sum" }],
          filter: `${filter} && ${by} != null`,
          sort: ["-sum"],
          limit: 8,
        },
        signal,
      );
      return answer.items
        .filter((item) => Number(item.sum ?? 0) > 0)
        .map((item) => {
          const record = item[by] as { id: string; title?: string } & Record<string, unknown>;
          return {
            id: record.id,
            title: String(record.title ?? record[target?.title ?? "name"] ?? ""),
            sum: Number(item.sum),
          };
        });
    },
  });
}

/** The first rows of a list on the home page. */
export function useRows(
  model: Model,
  object: ObjectType | undefined,
  filter: string,
  sort: string[],
  names: string[],
  limit = 6,
) {
  return useQuery({
    queryKey: ["figures", object?.name ?? "", "rows", filter, sort, names],
    enabled: object !== undefined,
    queryFn: ({ signal }) => {
      const known = names.filter((name) => model.field(object?.name ?? "", name));
      return list(
        object?.name ?? "",
        {
          filter: filter || undefined,
          sort,
          limit,
          fields: object ? withTitles(model, object, ["id", "version", ...known]) : [],
        },
        signal,
      );
    },
  });
}
