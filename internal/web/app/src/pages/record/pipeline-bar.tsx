import { Check, Clock } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import type { Row } from "@/api/records";
import type { Field, Pipeline, Stage } from "@/api/schema";
import { GateDialog } from "@/components/gate-dialog";
import { cx } from "@/components/ui/cx";
import { Hint } from "@/components/ui/hint";
import { notify } from "@/components/ui/toast";
import { stageHue } from "@/components/value/hues";
import { explain } from "@/i18n/explain";
import { useModel } from "@/state/model";
import { movingTo, obstacle } from "@/state/moving";
import { save } from "@/state/saving";

interface Gate {
  stage: Stage;
  fields: Field[];
  message?: string;
}

/** The stages of a record: pressed they move it, or say what is missing. */
export function PipelineBar({ pipeline, record }: { pipeline: Pipeline; record: Row }) {
  const { t } = useTranslation();
  const model = useModel();
  const [gate, setGate] = useState<Gate | null>(null);
  const now = pipeline.stages.find((one) => one.key === record[pipeline.field]);
  const at = now ? pipeline.stages.indexOf(now) : -1;
  const stages = pipeline.stages.filter((one) => !one.retired || one === now);

  const go = async (stage: Stage) => {
    if (stage === now) return;
    const stands = obstacle(model, pipeline, record, stage);
    if (stands?.kind === "forbidden") {
      notify({ title: t("record.notAllowed"), failed: true });
      return;
    }
    if (stands) {
      setGate({ stage, fields: stands.fields });
      return;
    }
    try {
      const saved = await save(pipeline.object, record, movingTo(pipeline, stage));
      if (saved) notify({ title: t("record.moved", { stage: stage.label }) });
    } catch (error) {
      const named =
        error instanceof Problem
          ? error.violations.map((one) => model.field(pipeline.object, one.path.split(".")[0] ?? ""))
          : [];
      const fields = named.filter((f) => f !== undefined).filter((f) => f.name !== pipeline.field && !f.readOnly);
      if (fields.length > 0) setGate({ stage, fields, message: explain(error) });
      else notify({ title: stage.gateMessage || explain(error), failed: true });
    }
  };
  return (
    <nav aria-label={pipeline.label} className="border-b border-line px-4 py-2.5">
      <ol className="flex gap-1 overflow-x-auto p-0.5">
        {stages.map((stage) => {
          const place = pipeline.stages.indexOf(stage);
          const passed = now?.kind === "open" ? place < at : now?.kind === "won" && stage.kind === "open";
          const current = stage === now;
          const forbidden =
            !current && now?.allowedMoves !== null && now !== undefined && !now.allowedMoves?.includes(stage.key);
          const button = (
            <button
              type="button"
              aria-current={current ? "step" : undefined}
              aria-label={
                current ? t("record.stageNow", { stage: stage.label }) : t("record.moveTo", { stage: stage.label })
              }
              aria-disabled={forbidden || undefined}
              data-hue={current ? stageHue(pipeline, stage.key) : passed ? undefined : 0}
              onClick={() => void go(stage)}
              className={cx(
                "chip h-8! w-full justify-center rounded-md! px-3! text-sm! transition-colors",
                current
                  ? "font-semibold"
                  : passed
                    ? "bg-accent-soft! text-accent-ink!"
                    : "text-ink-2! hover:bg-active!",
                forbidden && "opacity-60",
              )}
            >
              {passed && <Check className="size-3.5 shrink-0" aria-hidden />}
              <span className="truncate">{stage.label}</span>
              {current && record.is_rotting === true && <Clock className="size-3.5 shrink-0" aria-hidden />}
            </button>
          );
          return (
            <li key={stage.key} className="min-w-28 flex-1">
              {forbidden ? <Hint text={t("record.notAllowed")}>{button}</Hint> : button}
            </li>
          );
        })}
      </ol>
      {record.is_rotting === true && <p className="mt-1 px-1 text-xs text-warning">{t("record.rotting")}</p>}
      {gate && (
        <GateDialog
          pipeline={pipeline}
          record={record}
          stage={gate.stage}
          fields={gate.fields}
          {...(gate.message && { message: gate.message })}
          onClose={(moved) => {
            if (moved) notify({ title: t("record.moved", { stage: gate.stage.label }) });
            setGate(null);
          }}
        />
      )}
    </nav>
  );
}
