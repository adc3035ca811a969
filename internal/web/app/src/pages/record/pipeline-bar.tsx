import { Check, Clock } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Row } from "@/api/records";
import type { Pipeline } from "@/api/schema";
import { useStageMove } from "@/components/stage-move";
import { cx } from "@/components/ui/cx";
import { Hint } from "@/components/ui/hint";
import { stageHue } from "@/components/value/hues";

/** The stages of a record: pressed they move it, or say what is missing. */
export function PipelineBar({ pipeline, record }: { pipeline: Pipeline; record: Row }) {
  const { t } = useTranslation();
  const { move, gate } = useStageMove(pipeline);
  const now = pipeline.stages.find((one) => one.key === record[pipeline.field]);
  const at = now ? pipeline.stages.indexOf(now) : -1;
  const stages = pipeline.stages.filter((one) => !one.retired || one === now);

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
              onClick={() => void move(record, stage)}
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
      {gate}
    </nav>
  );
}
