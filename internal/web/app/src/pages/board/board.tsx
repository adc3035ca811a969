import {
  type CollisionDetection,
  closestCenter,
  DndContext,
  type DragEndEvent,
  DragOverlay,
  type DragStartEvent,
  KeyboardCode,
  KeyboardSensor,
  MouseSensor,
  pointerWithin,
  TouchSensor,
  useSensor,
  useSensors,
} from "@dnd-kit/core";
import { useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Row, titleText } from "@/api/records";
import type { ObjectType, Pipeline, Stage } from "@/api/schema";
import { useStageMove } from "@/components/stage-move";
import { cx } from "@/components/ui/cx";
import { useModel } from "@/state/model";
import { obstacle } from "@/state/moving";
import { LiftedCard } from "./card";
import { cardFacts } from "./card-facts";
import { fromLaneToLane } from "./keyboard";
import { Lane } from "./lane";
import { announcements } from "./speech";
import { noStage, useMovedCards, useStageTotals } from "./use-board";

/** A pointer is over the lane that it is in; a card that the keyboard carries is over the nearest. */
const overLane: CollisionDetection = (given) =>
  given.pointerCoordinates ? pointerWithin(given) : closestCenter(given);

/** The stages to show: one that is out of use only while it holds something. */
function shownStages(pipeline: Pipeline, holds: (key: string) => boolean): (Stage | null)[] {
  const stages: (Stage | null)[] = pipeline.stages.filter((one) => !one.retired || holds(one.key));
  return holds(noStage) ? [null, ...stages] : stages;
}

interface Props {
  object: ObjectType;
  pipeline: Pipeline;
  filter: string;
}

export function Board({ object, pipeline, filter }: Props) {
  const { t } = useTranslation();
  const model = useModel();
  const facts = useMemo(() => cardFacts(model, object, pipeline), [model, object, pipeline]);
  const { byStage } = useStageTotals(model, object, pipeline, filter);
  const stages = useMemo(
    () => shownStages(pipeline, (key) => (byStage?.get(key)?.count ?? 0) > 0),
    [pipeline, byStage],
  );

  const weighs = stages.some((one) => one?.kind === "open" && byStage?.get(one.key)?.weighted != null);

  const { fields, put, refresh } = useMovedCards(model, object, pipeline, filter, facts.names);
  const [arrived, setArrived] = useState<{ id: string; stage: string } | null>(null);
  const atOnce = useCallback(
    (record: Row, stage: Stage) => {
      setArrived({ id: record.id, stage: stage.key });
      return put(record, stage);
    },
    [put],
  );
  const moved = useCallback(
    (record: Row, stage: Stage) => {
      // A move that a gate held up is shown now; one that is shown already is so once more.
      put(record, stage);
      void refresh(record, stage);
    },
    [put, refresh],
  );
  const { move, gate } = useStageMove(pipeline, { atOnce, moved });

  const writable = model.field(object.name, pipeline.field)?.readOnly === false;
  const targets = useMemo(() => {
    const open = pipeline.stages.filter((one) => !one.retired);
    const from = (stage: Stage | null) =>
      open.filter((one) => one !== stage && (!stage?.allowedMoves || stage.allowedMoves.includes(one.key)));
    return new Map(stages.map((stage) => [stage, writable ? from(stage) : null]));
  }, [pipeline, stages, writable]);

  const [lifted, setLifted] = useState<Row | null>(null);
  const allows = useCallback(
    (row: Row, key: string) => {
      const stage = pipeline.stages.find((one) => one.key === key);
      if (!stage || row[pipeline.field] === key) return true;
      return obstacle(model, pipeline, row, stage)?.kind !== "forbidden";
    },
    [model, pipeline],
  );
  const sensors = useSensors(
    useSensor(MouseSensor, { activationConstraint: { distance: 5 } }),
    // A finger that moves at once scrolls; one that rests lifts the card.
    useSensor(TouchSensor, { activationConstraint: { delay: 220, tolerance: 8 } }),
    useSensor(KeyboardSensor, {
      coordinateGetter: fromLaneToLane,
      keyboardCodes: {
        start: [KeyboardCode.Space],
        cancel: [KeyboardCode.Esc],
        end: [KeyboardCode.Space, KeyboardCode.Enter, KeyboardCode.Tab],
      },
    }),
  );
  const accessibility = useMemo(
    () => ({
      screenReaderInstructions: { draggable: t("board.instructions") },
      announcements: announcements(t, {
        card: (row) => titleText(object, row[object.title]) || t("record.untitled"),
        stage: (key) => pipeline.stages.find((one) => one.key === key)?.label ?? t("board.noStage"),
        allows,
      }),
    }),
    [t, object, pipeline, allows],
  );
  const onDragStart = ({ active }: DragStartEvent) => setLifted((active.data.current?.row as Row | undefined) ?? null);
  const onDragEnd = ({ active, over }: DragEndEvent) => {
    setLifted(null);
    const row = active.data.current?.row as Row | undefined;
    const stage = pipeline.stages.find((one) => one.key === over?.id);
    if (row && stage) void move(row, stage);
  };
  const onMove = useCallback((row: Row, stage: Stage) => void move(row, stage), [move]);

  return (
    <DndContext
      sensors={sensors}
      collisionDetection={overLane}
      accessibility={accessibility}
      onDragStart={onDragStart}
      onDragEnd={onDragEnd}
      onDragCancel={() => setLifted(null)}
    >
      <div
        className={cx(
          "relative flex min-h-0 flex-1 gap-2.5 overflow-x-auto p-3 scroll-px-3 lg:px-4",
          !lifted && "snap-x snap-mandatory sm:snap-none",
        )}
      >
        {stages.map((stage) => (
          <Lane
            key={stage?.key ?? noStage}
            object={object}
            pipeline={pipeline}
            stage={stage}
            filter={filter}
            facts={facts}
            fields={fields}
            totals={byStage?.get(stage?.key ?? noStage)}
            counted={byStage !== null}
            weighs={weighs}
            targets={targets.get(stage) ?? null}
            lifted={lifted}
            refuses={lifted !== null && stage !== null && !allows(lifted, stage.key)}
            arrived={arrived?.stage === stage?.key ? (arrived?.id ?? null) : null}
            onMove={onMove}
          />
        ))}
      </div>
      <DragOverlay dropAnimation={null}>
        {lifted && <LiftedCard object={object} facts={facts} row={lifted} />}
      </DragOverlay>
      {gate}
    </DndContext>
  );
}
