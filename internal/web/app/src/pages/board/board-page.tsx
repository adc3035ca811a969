import {
  type Announcements,
  closestCenter,
  DndContext,
  type DragEndEvent,
  DragOverlay,
  type KeyboardCoordinateGetter,
  KeyboardSensor,
  MouseSensor,
  pointerWithin,
  TouchSensor,
  useDraggable,
  useDroppable,
  useSensor,
  useSensors,
} from "@dnd-kit/core";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { Clock, Plus, Rows3, X } from "lucide-react";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { linked, type Row, titleText } from "@/api/records";
import { type Field, type Model, type ObjectType, type Pipeline, plural, type Stage } from "@/api/schema";
import { GateDialog } from "@/components/gate-dialog";
import { SearchBox } from "@/components/search-box";
import { Avatar } from "@/components/ui/avatar";
import { Button, IconButton } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { Failure, SkeletonLines } from "@/components/ui/states";
import { notify } from "@/components/ui/toast";
import { stageHue } from "@/components/value/hues";
import { both, quickSearch } from "@/format/filter";
import { showMoney, showNumber } from "@/format/number";
import { isEmpty, showText } from "@/format/text";
import { explain } from "@/i18n/explain";
import { FilterPopover } from "@/pages/list/filter-popover";
import { NoObject } from "@/pages/no-object";
import { ObjectIcon } from "@/shell/object-icon";
import { PageHeader } from "@/shell/page-header";
import { useModel } from "@/state/model";
import { movingTo, obstacle } from "@/state/moving";
import { creating } from "@/state/overlays";
import { save } from "@/state/saving";
import { useWords } from "@/state/words";
import { amountOf, cardFacts, type Figures, moveCard, useColumn, useFigures } from "./use-board";

export default function BoardPage() {
  const { object: name } = useParams({ from: "/o/$object/board" });
  const model = useModel();
  const object = model.object(name);
  const pipeline = model.pipeline(name);
  return object && pipeline ? <Board key={name} object={object} pipeline={pipeline} /> : <NoObject />;
}

interface Gate {
  card: Row;
  stage: Stage;
  fields: Field[];
}

interface Dragged {
  card: Row;
  stage: Stage;
}

const gap = 12;

/** The arrow keys take a lifted card to the column beside. */
const besideColumn: KeyboardCoordinateGetter = (event, { currentCoordinates, context }) => {
  const right = event.code === "ArrowRight";
  if (!right && event.code !== "ArrowLeft") return undefined;
  event.preventDefault();
  const columns = [...context.droppableRects.values()].sort((a, b) => a.left - b.left);
  const at = columns.findIndex((rect) => currentCoordinates.x >= rect.left - gap && currentCoordinates.x < rect.right);
  const next = columns[at + (right ? 1 : -1)];
  return next
    ? { x: next.left + gap / 2, y: Math.max(next.top + gap, Math.min(currentCoordinates.y, next.bottom - gap)) }
    : undefined;
};

function Board({ object, pipeline }: { object: ObjectType; pipeline: Pipeline }) {
  const { t } = useTranslation();
  const model = useModel();
  const navigate = useNavigate({ from: "/o/$object/board" });
  const search = useSearch({ from: "/o/$object/board" });
  const [typed, setTyped] = useState(search.q ?? "");
  const [dragged, setDragged] = useState<Dragged | null>(null);
  const [gate, setGate] = useState<Gate | null>(null);
  const filter = search.filter ?? "";
  const wanted = both(filter, quickSearch(object, search.q ?? ""));
  const figures = useFigures(object, pipeline, wanted);
  const stages = pipeline.stages.filter((stage) => !stage.retired || (figures.data?.get(stage.key)?.count ?? 0) > 0);
  const nameOf = (card: Row | undefined) => titleText(object, card?.[object.title]) || t("record.untitled");

  useEffect(() => {
    if (typed === (search.q ?? "")) return;
    const timer = setTimeout(
      () => void navigate({ search: (before) => ({ ...before, q: typed || undefined }), replace: true }),
      200,
    );
    return () => clearTimeout(timer);
  }, [typed, search.q, navigate]);

  const sensors = useSensors(
    useSensor(MouseSensor, { activationConstraint: { distance: 6 } }),
    useSensor(TouchSensor, { activationConstraint: { delay: 220, tolerance: 8 } }),
    useSensor(KeyboardSensor, {
      coordinateGetter: besideColumn,
      keyboardCodes: { start: ["Space"], cancel: ["Escape"], end: ["Space", "Enter"] },
    }),
  );
  const labelOf = (key: unknown) => pipeline.stages.find((one) => one.key === key)?.label ?? "";
  const announcements: Announcements = {
    onDragStart: ({ active }) =>
      t("board.lifted", { name: nameOf(active.data.current?.card), stage: active.data.current?.stage.label }),
    onDragOver: ({ active, over }) =>
      over ? t("board.over", { name: nameOf(active.data.current?.card), stage: labelOf(over.id) }) : undefined,
    onDragEnd: ({ active, over }) =>
      over ? t("board.dropped", { name: nameOf(active.data.current?.card), stage: labelOf(over.id) }) : undefined,
    onDragCancel: ({ active }) => t("board.cancelled", { name: nameOf(active.data.current?.card) }),
  };

  const move = async (card: Row, from: Stage, to: Stage) => {
    const stands = obstacle(model, pipeline, card, to);
    if (stands?.kind === "forbidden") {
      notify({ title: t("record.notAllowed"), description: t("board.refused", { stage: from.label }), failed: true });
      return;
    }
    if (stands) {
      setGate({ card, stage: to, fields: stands.fields });
      return;
    }
    const undo = moveCard(object, wanted, card, from, to, pipeline.field);
    try {
      if (!(await save(object.name, card, movingTo(pipeline, to)))) undo();
    } catch (error) {
      undo();
      notify({
        title: to.gateMessage || explain(error),
        description: t("board.refused", { stage: from.label }),
        failed: true,
      });
    }
  };
  const ended = ({ over }: DragEndEvent) => {
    const one = dragged;
    setDragged(null);
    const to = pipeline.stages.find((stage) => stage.key === over?.id);
    if (one && to && to !== one.stage) void move(one.card, one.stage, to);
  };
  return (
    <>
      <PageHeader title={`${plural(object)} · ${pipeline.label}`} icon={<ObjectIcon name={object.name} />}>
        <Link
          to="/o/$object"
          params={{ object: object.name }}
          search={{ filter: search.filter, q: search.q }}
          className="inline-flex h-8 items-center gap-1.5 rounded-md px-2.5 font-medium text-ink-2 hover:bg-hover hover:text-ink"
        >
          <Rows3 className="size-4" aria-hidden />
          <span className="max-sm:sr-only">{t("list.list")}</span>
        </Link>
        <Button tone="accent" onClick={() => creating.set({ object: object.name })}>
          <Plus aria-hidden />
          <span className="max-sm:sr-only">{t("list.new")}</span>
        </Button>
      </PageHeader>
      <div
        role="toolbar"
        aria-label={plural(object)}
        className="flex h-11 shrink-0 items-center gap-1 border-b border-line px-2 lg:px-3"
      >
        <SearchBox value={typed} onValue={setTyped} />
        <FilterPopover
          object={object}
          filter={filter}
          onFilter={(next) =>
            void navigate({ search: (before) => ({ ...before, filter: next || undefined }), replace: true })
          }
        />
        {filter && (
          <>
            <code className="min-w-0 truncate font-mono text-xs text-ink-3 max-sm:hidden">{filter}</code>
            <IconButton
              label={t("list.clear")}
              className="size-6!"
              onClick={() => void navigate({ search: (before) => ({ ...before, filter: undefined }), replace: true })}
            >
              <X aria-hidden />
            </IconButton>
          </>
        )}
      </div>
      <DndContext
        sensors={sensors}
        collisionDetection={(args) => {
          const under = pointerWithin(args);
          return under.length > 0 ? under : closestCenter(args);
        }}
        accessibility={{ announcements, screenReaderInstructions: { draggable: t("board.instructions") } }}
        onDragStart={({ active }) => setDragged(active.data.current as Dragged)}
        onDragCancel={() => setDragged(null)}
        onDragEnd={ended}
      >
        <div className="flex min-h-0 flex-1 gap-3 overflow-x-auto bg-canvas p-3" aria-busy={figures.isFetching}>
          {stages.map((stage) => (
            <Column
              key={stage.key}
              model={model}
              object={object}
              pipeline={pipeline}
              filter={wanted}
              stage={stage}
              figures={figures.data?.get(stage.key)}
              forbidden={
                dragged !== null &&
                obstacle(model, pipeline, dragged.card, stage)?.kind === "forbidden" &&
                dragged.stage !== stage
              }
            />
          ))}
        </div>
        <DragOverlay dropAnimation={null}>
          {dragged && (
            <div className="rotate-1 cursor-grabbing">
              <CardBody object={object} pipeline={pipeline} card={dragged.card} lifted />
            </div>
          )}
        </DragOverlay>
      </DndContext>
      {gate && (
        <GateDialog
          pipeline={pipeline}
          record={gate.card}
          stage={gate.stage}
          fields={gate.fields}
          onClose={(moved) => {
            if (moved) notify({ title: t("record.moved", { stage: gate.stage.label }) });
            setGate(null);
          }}
        />
      )}
    </>
  );
}

interface ColumnProps {
  model: Model;
  object: ObjectType;
  pipeline: Pipeline;
  filter: string;
  stage: Stage;
  figures: Figures | undefined;
  forbidden: boolean;
}

const noCards: Row[] = [];

const Column = memo(function Column({ model, object, pipeline, filter, stage, figures, forbidden }: ColumnProps) {
  const { t } = useTranslation();
  const words = useWords();
  const scroll = useRef<HTMLDivElement>(null);
  const { setNodeRef, isOver } = useDroppable({ id: stage.key, disabled: forbidden });
  const cards = useColumn(model, object, pipeline, filter, stage);
  const rows = useMemo(() => cards.data?.pages.flatMap((page) => page.items) ?? noCards, [cards.data]);
  const facts = cardFacts(model, object, pipeline);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 60 + facts.length * 20,
    overscan: 4,
    gap: 8,
    getItemKey: (at) => rows[at]?.id ?? at,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = cards;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && last >= rows.length - 15) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage, last, rows.length]);
  const { currency } = model.schema.organisation;
  return (
    <section
      ref={setNodeRef}
      aria-label={t("board.column", { stage: stage.label })}
      className={cx(
        "flex w-72 shrink-0 flex-col rounded-xl border transition-colors",
        isOver ? "border-accent bg-accent-soft" : "border-transparent",
        forbidden && "opacity-45",
      )}
    >
      <header className="px-1 pb-2">
        <div className="flex items-center gap-2">
          <h2 className="chip text-sm!" data-hue={stageHue(pipeline, stage.key)}>
            {stage.label}
          </h2>
          <span className="figure text-xs text-ink-3">
            <span aria-hidden>
              {figures
                ? showNumber(figures.count, words.language)
                : figures === undefined && cards.isSuccess
                  ? "0"
                  : ""}
            </span>
            <span className="sr-only">{t("board.cards", { count: figures?.count ?? 0 })}</span>
          </span>
          <span className="ms-auto" />
          <IconButton
            label={t("list.newOf", { object: `${object.label} · ${stage.label}` })}
            className="size-6!"
            onClick={() => creating.set({ object: object.name, values: { [pipeline.field]: stage.key } })}
          >
            <Plus aria-hidden />
          </IconButton>
        </div>
        <p className="figure mt-0.5 min-h-4 text-xs text-ink-2">
          {figures?.sum && (
            <>
              <span className="font-medium text-ink">{showMoney(figures.sum, currency, words.language)}</span>
              {stage.kind === "open" && figures.weighted && (
                <span className="text-ink-3">
                  {" "}
                  ·{" "}
                  {t("board.weighted", {
                    amount: showMoney(Number(figures.weighted).toFixed(0), currency, words.language),
                  })}
                </span>
              )}
            </>
          )}
        </p>
      </header>
      <div
        ref={scroll}
        tabIndex={rows.length === 0 ? -1 : 0}
        role="group"
        aria-label={stage.label}
        className="min-h-0 flex-1 overflow-y-auto rounded-lg px-1 pb-2"
      >
        {cards.isPending ? (
          <SkeletonLines count={6} />
        ) : cards.isError && rows.length === 0 ? (
          <Failure error={cards.error} onRetry={() => void cards.refetch()} />
        ) : rows.length === 0 ? (
          <p className="rounded-lg border border-dashed border-line-strong py-6 text-center text-xs text-ink-3">
            {t("board.empty")}
          </p>
        ) : (
          <div style={{ height: virtual.getTotalSize() }} className="relative">
            {items.map((item) => {
              const card = rows[item.index];
              return (
                card && (
                  <div
                    key={item.key}
                    data-index={item.index}
                    ref={virtual.measureElement}
                    style={{ transform: `translateY(${item.start}px)` }}
                    className="absolute inset-x-0 top-0"
                  >
                    <Card object={object} pipeline={pipeline} stage={stage} card={card} />
                  </div>
                )
              );
            })}
          </div>
        )}
      </div>
    </section>
  );
});

function Card({ object, pipeline, stage, card }: { object: ObjectType; pipeline: Pipeline; stage: Stage; card: Row }) {
  const { t } = useTranslation();
  const { setNodeRef, listeners, attributes, isDragging } = useDraggable({
    id: card.id,
    data: { card, stage },
    attributes: { role: "group", roleDescription: t("board.card") },
  });
  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: its role, group, is among the attributes
    <div
      ref={setNodeRef}
      {...attributes}
      {...listeners}
      aria-label={titleText(object, card[object.title]) || t("record.untitled")}
      className={cx("touch-manipulation rounded-lg", isDragging && "opacity-40")}
    >
      <CardBody object={object} pipeline={pipeline} card={card} />
    </div>
  );
}

const CardBody = memo(function CardBody({
  object,
  pipeline,
  card,
  lifted = false,
}: {
  object: ObjectType;
  pipeline: Pipeline;
  card: Row;
  lifted?: boolean;
}) {
  const { t } = useTranslation();
  const model = useModel();
  const words = useWords();
  const amount = amountOf(object);
  const owner = linked(model, "user", card.owner);
  return (
    <div
      className={cx(
        "rounded-lg border border-line bg-surface p-2.5",
        lifted ? "shadow-float" : "shadow-card hover:border-line-strong",
      )}
    >
      <div className="flex items-start gap-2">
        <Link
          to="/o/$object/$id"
          params={{ object: object.name, id: card.id }}
          preload={false}
          draggable={false}
          className="min-w-0 flex-1 truncate font-medium hover:text-accent-ink hover:underline"
        >
          {titleText(object, card[object.title]) || t("record.untitled")}
        </Link>
        {card.is_rotting === true && (
          <span className="chip shrink-0" data-hue={3}>
            <Clock className="size-3" aria-hidden />
            {t("board.rotting")}
          </span>
        )}
      </div>
      {cardFacts(model, object, pipeline)
        .filter((f) => !isEmpty(card[f.name]))
        .map((f) => (
          <p key={f.name} className="truncate text-xs leading-5 text-ink-2" title={f.label}>
            {showText(f, card[f.name], words, model, card)}
          </p>
        ))}
      {(owner?.title || (amount && !isEmpty(card[amount.name]))) && (
        <p className="mt-1.5 flex items-center gap-2">
          <span className="figure flex-1 font-medium">
            {amount && showText(amount, card[amount.name], words, model, card)}
          </span>
          {owner?.title && (
            <span title={owner.title}>
              <Avatar name={owner.title} />
            </span>
          )}
        </p>
      )}
    </div>
  );
});
