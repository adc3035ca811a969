import { type InfiniteData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { queries } from "@/api/queries";
import { aggregate, list, type Page, type Row, withTitles } from "@/api/records";
import { type Field, isCompanion, type Model, type ObjectType, type Pipeline, type Stage, typeOf } from "@/api/schema";
import { factsOf } from "@/format/facts";
import { both, quote } from "@/format/filter";

const pageSize = 50;

/** The amount that the cards of a board add up: "amount", else the first money that people fill in. */
export const amountOf = (object: ObjectType): Field | undefined =>
  object.fields.find((f) => f.name === "amount" && f.type === "money") ??
  object.fields.find((f) => f.type === "money" && !f.readOnly && !isCompanion(object, f));

/** The fields that a card shows. */
export function cardFacts(model: Model, object: ObjectType, pipeline: Pipeline): Field[] {
  const amount = amountOf(object);
  const facts = factsOf(model, object).filter((f) => f.name !== pipeline.field && f !== amount && !f.readOnly);
  const wanted = ["customer", "contact", "company_name", "close_date", "due_at", "priority"];
  const first = facts.filter((f) => wanted.includes(f.name));
  return (first.length > 0 ? first : facts.filter((f) => typeOf(f) !== "long_text")).slice(0, 3);
}

export const columnKey = (object: ObjectType, filter: string, stage: Stage) =>
  ["board", object.name, filter, stage.key] as const;

export function useColumn(model: Model, object: ObjectType, pipeline: Pipeline, filter: string, stage: Stage) {
  const names = [
    "id",
    "version",
    object.title,
    pipeline.field,
    "owner",
    "currency",
    "is_rotting",
    amountOf(object)?.name ?? "",
    ...cardFacts(model, object, pipeline).map((f) => f.name),
    ...pipeline.stages.flatMap((one) => one.required ?? []),
  ];
  const fields = withTitles(
    model,
    object,
    [...new Set(names)].filter((name) => model.field(object.name, name)),
  );
  return useInfiniteQuery({
    queryKey: columnKey(object, filter, stage),
    queryFn: ({ pageParam, signal }) =>
      list(
        object.name,
        {
          filter: both(filter, `${pipeline.field} == ${quote(stage.key)}`),
          sort: ["-id"],
          fields,
          limit: pageSize,
          after: pageParam,
        },
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
  });
}

export interface Figures {
  count: number;
  sum: string | null;
  weighted: string | null;
}

/** How many cards each stage has, and what they add up to in the currency of the organisation. */
export function useFigures(object: ObjectType, pipeline: Pipeline, filter: string) {
  const amount = amountOf(object);
  const has = (name: string) => object.fields.some((f) => f.name === name);
  const summed = amount && (has(`${amount.name}_base`) ? `${amount.name}_base` : amount.name);
  const weighted = amount?.name === "amount" && has("weighted_amount");
  return useQuery({
    queryKey: ["figures", object.name, pipeline.name, filter],
    queryFn: async ({ signal }) => {
      const values = [
        { function: "count", name: "count" },
        ...(summed ? [{ function: "sum", field: summed, name: "sum" }] : []),
        ...(weighted ? [{ function: "sum", field: "weighted_amount", name: "weighted" }] : []),
      ];
      const answer = await aggregate(
        object.name,
        { groups: [pipeline.field], values, filter: filter || undefined },
        signal,
      );
      return new Map(
        answer.items.map((item) => [
          String(item[pipeline.field]),
          {
            count: Number(item.count),
            sum: item.sum == null ? null : String(item.sum),
            weighted: item.weighted == null ? null : String(item.weighted),
          } as Figures,
        ]),
      );
    },
    placeholderData: (previous) => previous,
  });
}

/** Takes a card from one column to the other at once, and gives the way back. */
export function moveCard(
  object: ObjectType,
  filter: string,
  card: Row,
  from: Stage,
  to: Stage,
  field: string,
): () => void {
  const keys = [columnKey(object, filter, from), columnKey(object, filter, to)] as const;
  const before = keys.map((key) => queries.getQueryData<InfiniteData<Page>>(key));
  queries.setQueryData<InfiniteData<Page>>(
    keys[0],
    (data) =>
      data && {
        ...data,
        pages: data.pages.map((page) => ({ ...page, items: page.items.filter((row) => row.id !== card.id) })),
      },
  );
  queries.setQueryData<InfiniteData<Page>>(
    keys[1],
    (data) =>
      data && {
        ...data,
        pages: data.pages.map((page, at) =>
          at === 0 ? { ...page, items: [{ ...card, [field]: to.key }, ...page.items] } : page,
        ),
      },
  );
  return () => {
    for (const [at, key] of keys.entries()) queries.setQueryData(key, before[at]);
  };
}
