import { useDroppable } from "@dnd-kit/core";
import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import { Lock, Plus } from "lucide-react";
import { useEffect, useId, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Row } from "@/api/records";
import type { ObjectType, Pipeline, Stage } from "@/api/schema";
import { Button, IconButton } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { Skeleton } from "@/components/ui/states";
import { stageHue } from "@/components/value/hues";
import type { Totals } from "@/format/money";
import { showMoney, showNumber } from "@/format/number";
import { explain } from "@/i18n/explain";
import { creating } from "@/state/overlays";
import { useWords } from "@/state/words";
import { Card } from "./card";
import type { CardFacts } from "./card-facts";
import { noStage, useLane } from "./use-board";

export interface LaneProps {
  object: ObjectType;
  pipeline: Pipeline;
  /** Null is the lane of the records that are in no stage. */
  stage: Stage | null;
  filter: string;
  facts: CardFacts;
  fields: string[];
  totals: Totals | undefined;
  /** Whether the totals are known; a stage without any holds nothing. */
  counted: boolean;
  /** Whether some stage tells its weighted sum; then all keep room for it. */
  weighs: boolean;
  targets: Stage[] | null;
  /** The card that is carried, and whether the pipeline lets it in here. */
  lifted: Row | null;
  refuses: boolean;
  /** The card that came in last, which is shown. */
  arrived: string | null;
  onMove: (row: Row, stage: Stage) => void;
}

const noRows: Row[] = [];
const cardHeight = 104;

/** A stage of the board with its cards, of which those in sight are drawn. */
export function Lane(props: LaneProps) {
  const { object, pipeline, stage, filter, facts, fields, targets, lifted, refuses, arrived, onMove } = props;
  const { t } = useTranslation();
  const id = useId();
  const key = stage?.key ?? noStage;
  const query = useLane(pipeline, key, filter, fields);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? noRows, [query.data]);
  const { setNodeRef, isOver } = useDroppable({ id: key, disabled: stage === null || stage.retired === true });
  const scroller = useRef<HTMLDivElement>(null);
  const held = lifted ? rows.findIndex((row) => row.id === lifted.id) : -1;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => cardHeight,
    getItemKey: (at) => rows[at]?.id ?? at,
    gap: 8,
    overscan: 6,
    paddingStart: 2,
    paddingEnd: 8,
    // The card that is carried stays, however far its lane is scrolled.
    rangeExtractor: (range) => {
      const shown = defaultRangeExtractor(range);
      return held < 0 || shown.includes(held) ? shown : [...shown, held].sort((a, b) => a - b);
    },
  });
  const items = virtual.getVirtualItems();
  const last = items[items.length - 1]?.index ?? -1;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  useEffect(() => {
    if (last >= rows.length - 10 && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, fetchNextPage]);
  useEffect(() => {
    if (arrived !== null) scroller.current?.scrollTo({ top: 0 });
  }, [arrived]);

  return (
    <section
      ref={setNodeRef}
      aria-labelledby={id}
      data-stage={key}
      className={cx(
        "flex h-full w-[min(18rem,82vw)] max-w-100 shrink-0 grow snap-start flex-col rounded-xl bg-hover transition-colors",
        isOver && !refuses && "bg-accent-soft! outline-2 -outline-offset-2 outline-accent",
        isOver && refuses && "outline-2 -outline-offset-2 outline-danger",
        lifted && refuses && "opacity-55",
      )}
    >
      <LaneHeader {...props} id={id} />
      <div
        ref={scroller}
        aria-busy={query.isFetching}
        className="relative min-h-0 flex-1 overflow-y-auto overscroll-y-contain px-2"
      >
        {query.isPending ? (
          <LoadingCards />
        ) : query.isError && rows.length === 0 ? (
          <div role="alert" className="space-y-2 px-2 py-6 text-center text-ink-2">
            <p>{explain(query.error)}</p>
            <Button onClick={() => void query.refetch()}>{t("errors.retry")}</Button>
          </div>
        ) : rows.length === 0 ? (
          <p className="m-0.5 rounded-lg border border-dashed border-line-strong px-2 py-6 text-center text-xs text-ink-3">
            {t("board.empty")}
          </p>
        ) : (
          <ul aria-labelledby={id} className="relative" style={{ height: virtual.getTotalSize() }}>
            {items.map((item) => {
              const row = rows[item.index] as Row;
              return (
                <li
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  aria-posinset={item.index + 1}
                  aria-setsize={hasNextPage ? -1 : rows.length}
                  className="absolute inset-x-0 top-0"
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <Card object={object} facts={facts} row={row} stage={key} targets={targets} onMove={onMove} />
                </li>
              );
            })}
          </ul>
        )}
      </div>
    </section>
  );
}

function LaneHeader({
  object,
  pipeline,
  stage,
  totals,
  counted,
  weighs,
  lifted,
  refuses,
  id,
}: LaneProps & { id: string }) {
  const { t } = useTranslation();
  const { language } = useWords();
  const count = totals?.count ?? 0;
  const weighted = stage?.kind === "open" ? totals?.weighted : null;
  return (
    <header className="shrink-0 px-3 pt-2.5 pb-2">
      <div className="flex min-h-7 items-center gap-2">
        <h2 id={id} className="chip min-w-0" data-hue={stage ? stageHue(pipeline, stage.key) : 0}>
          <span className="truncate">{stage?.label ?? t("board.noStage")}</span>
        </h2>
        {counted ? (
          <span className="figure text-xs text-ink-2" title={t("board.cards", { count })}>
            <span aria-hidden>{showNumber(count, language)}</span>
            <span className="sr-only">{t("board.cards", { count })}</span>
          </span>
        ) : (
          <Skeleton className="h-3.5 w-8" />
        )}
        {lifted && refuses && <Lock className="size-3.5 text-ink-3" aria-hidden />}
        {totals?.amount && (
          <span className="figure ms-auto font-semibold">
            {showMoney(totals.amount.amount, totals.amount.currency, language, true)}
          </span>
        )}
        {stage?.kind === "open" && !stage.retired && (
          <IconButton
            label={t("board.add", { stage: stage.label })}
            className={cx("-me-1.5 size-7!", !totals?.amount && "ms-auto")}
            onClick={() => creating.set({ object: object.name, values: { [pipeline.field]: stage.key } })}
          >
            <Plus aria-hidden />
          </IconButton>
        )}
      </div>
      {weighs && (
        <p className="figure min-h-4 text-end text-xs text-ink-2">
          {weighted && t("board.weighted", { amount: showMoney(weighted.amount, weighted.currency, language, true) })}
        </p>
      )}
    </header>
  );
}

function LoadingCards() {
  const { t } = useTranslation();
  return (
    <div role="status" aria-label={t("common.loading")} className="space-y-2 pt-0.5">
      {[0, 1, 2, 3].map((at) => (
        <div key={at} className="space-y-2.5 rounded-lg border border-line bg-surface px-3 py-3">
          <Skeleton className="h-3.5 w-32" />
          <Skeleton className="h-3 w-24" />
          <Skeleton className="h-3 w-40" />
        </div>
      ))}
    </div>
  );
}
