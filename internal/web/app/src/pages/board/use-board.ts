import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { queries } from "@/api/queries";
import { aggregate, list, type Row, read, withTitles } from "@/api/records";
import type { Model, ObjectType, Pipeline, Stage } from "@/api/schema";
import { both, quote } from "@/format/filter";
import { groupLines, moneyFields, type Totals, totalGroups, totals, totalValues } from "@/format/money";
import { type Cards, placeOf, withCard, withFresh, without } from "./cards";

const pageSize = 50;

/** The key of the lane of records that are in no stage. */
export const noStage = "";

const laneKey = (pipeline: Pipeline, stage: string, filter: string, fields: string[]) =>
  ["cards", pipeline.object, { stage, filter, fields }] as const;

/** The filter that finds the records of a lane. */
export const laneFilter = (pipeline: Pipeline, stage: string, filter: string): string =>
  both(`${pipeline.field} == ${stage === noStage ? "null" : quote(stage)}`, filter);

/** The cards of one stage, those that were changed last on top. */
export function useLane(pipeline: Pipeline, stage: string, filter: string, fields: string[]) {
  return useInfiniteQuery({
    queryKey: laneKey(pipeline, stage, filter, fields),
    queryFn: ({ pageParam, signal }) =>
      list(
        pipeline.object,
        {
          filter: laneFilter(pipeline, stage, filter),
          sort: ["-updated_at"],
          fields,
          limit: pageSize,
          after: pageParam,
        },
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
    placeholderData: (previous, query) => {
      const before = query?.queryKey[2] as { stage: string } | undefined;
      return query?.queryKey[1] === pipeline.object && before?.stage === stage ? previous : undefined;
    },
  });
}

/** How many records each stage holds, and what they are worth. */
export function useStageTotals(model: Model, object: ObjectType, pipeline: Pipeline, filter: string) {
  const figures = useQuery({
    queryKey: ["board", object.name, { field: pipeline.field, filter }],
    queryFn: ({ signal }) => {
      const money = moneyFields(object);
      const groups = [{ field: pipeline.field, name: "stage" }, ...totalGroups(money)];
      return aggregate(
        object.name,
        { groups, values: totalValues(money), filter: filter || undefined, limit: 1000 },
        signal,
      );
    },
    placeholderData: (previous, query) => (query?.queryKey[1] === object.name ? previous : undefined),
  });
  const { currency } = model.schema.organisation;
  const byStage = useMemo(() => {
    if (!figures.data) return null;
    const found = new Map<string, Totals>();
    for (const [stage, lines] of groupLines(figures.data.items, (line) => String(line.stage ?? noStage))) {
      const chance = pipeline.stages.find((one) => one.key === stage)?.probability;
      found.set(stage, totals(lines, currency, chance));
    }
    return found;
  }, [figures.data, pipeline, currency]);
  return { byStage, error: figures.error, refetch: figures.refetch };
}

/** Shows a move on the board before the server has answered; what it says then is shown after. */
export function useMovedCards(model: Model, object: ObjectType, pipeline: Pipeline, filter: string, names: string[]) {
  const fields = useMemo(() => withTitles(model, object, names), [model, object, names]);
  const edit = useCallback(
    (stage: string, change: (cards: Cards | undefined) => Cards | undefined) =>
      queries.setQueryData<Cards>(laneKey(pipeline, stage, filter, fields), change),
    [pipeline, filter, fields],
  );
  const put = useCallback(
    (record: Row, stage: Stage): (() => void) => {
      void queries.cancelQueries({ queryKey: ["cards", object.name] });
      const from = String(record[pipeline.field] ?? noStage);
      const place = placeOf(queries.getQueryData<Cards>(laneKey(pipeline, from, filter, fields)), record.id);
      edit(from, (cards) => without(cards, record.id));
      edit(stage.key, (cards) => withCard(cards, { ...record, [pipeline.field]: stage.key }));
      return () => {
        edit(stage.key, (cards) => without(cards, record.id));
        edit(from, (cards) => withCard(cards, record, place ?? undefined));
      };
    },
    [object, pipeline, filter, fields, edit],
  );
  const refresh = useCallback(
    async (record: Row, stage: Stage) => {
      // What was asked for otherwise is out of date; it is read again when it is shown.
      void queries.invalidateQueries({ queryKey: ["cards", object.name], refetchType: "none" });
      const fresh = await read(object.name, record.id, fields).catch(() => null);
      if (fresh && fresh[pipeline.field] === stage.key) edit(stage.key, (cards) => withFresh(cards, fresh));
    },
    [object, pipeline, fields, edit],
  );
  return { fields, put, refresh };
}
