import { type ReactNode, useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import { type Row, read } from "@/api/records";
import type { Field, Pipeline, Stage } from "@/api/schema";
import { GateDialog } from "@/components/gate-dialog";
import { notify } from "@/components/ui/toast";
import { explain } from "@/i18n/explain";
import { useModel } from "@/state/model";
import { movingTo, obstacle } from "@/state/moving";
import { save } from "@/state/saving";

interface Gate {
  record: Row;
  stage: Stage;
  fields: Field[];
  message?: string;
}

interface Watch {
  /** Shows the move before the server has answered, and gives the way back. */
  atOnce?: (record: Row, stage: Stage) => () => void;
  /** The record is in the stage now. */
  moved?: (record: Row, stage: Stage) => void;
}

export interface StageMove {
  move: (record: Row, stage: Stage) => Promise<void>;
  /** The question that a gate asks, while it asks one. */
  gate: ReactNode;
}

/** Moves records between the stages of a pipeline: what is not allowed is said, what is missing is asked for. */
export function useStageMove(pipeline: Pipeline, { atOnce, moved }: Watch = {}): StageMove {
  const { t } = useTranslation();
  const model = useModel();
  const [gate, setGate] = useState<Gate | null>(null);

  const done = useCallback(
    (record: Row, stage: Stage) => {
      notify({ title: t("record.moved", { stage: stage.label }) });
      moved?.(record, stage);
    },
    [t, moved],
  );

  const move = useCallback(
    async (record: Row, stage: Stage) => {
      if (record[pipeline.field] === stage.key) return;
      const stands = obstacle(model, pipeline, record, stage);
      if (stands?.kind === "forbidden") {
        notify({ title: t("record.notAllowed"), failed: true });
        return;
      }
      if (stands) {
        setGate({ record, stage, fields: stands.fields });
        return;
      }
      const undo = atOnce?.(record, stage);
      try {
        const saved = await save(pipeline.object, record, movingTo(pipeline, stage));
        if (saved) done(record, stage);
        else undo?.();
      } catch (error) {
        undo?.();
        const fields = askedFor(error)
          .map((name) => model.field(pipeline.object, name))
          .filter((f) => f !== undefined)
          .filter((f) => f.name !== pipeline.field && !f.readOnly);
        if (fields.length > 0)
          setGate({ record: await whole(pipeline, record, fields), stage, fields, message: explain(error) });
        else notify({ title: stage.gateMessage || explain(error), failed: true });
      }
    },
    [pipeline, model, t, atOnce, done],
  );

  return {
    move,
    gate: gate && (
      <GateDialog
        pipeline={pipeline}
        record={gate.record}
        stage={gate.stage}
        fields={gate.fields}
        {...(gate.message && { message: gate.message })}
        onClose={(went) => {
          if (went) done(gate.record, gate.stage);
          setGate(null);
        }}
      />
    ),
  };
}

/** The fields that a refusal names. */
const askedFor = (error: unknown): string[] =>
  error instanceof Problem ? error.violations.map((one) => one.path.split(".")[0] ?? "") : [];

/** A record that holds what is asked about; a card holds less. */
const whole = async (pipeline: Pipeline, record: Row, fields: Field[]): Promise<Row> =>
  fields.every((f) => f.name in record) ? record : read(pipeline.object, record.id).catch(() => record);
