import { Progress } from "@base-ui/react/progress";
import { useMutation } from "@tanstack/react-query";
import { Download, FileWarning, Undo2, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { cancelJob, hasEnded, type Job, undoJob } from "@/api/jobs";
import { queries } from "@/api/queries";
import { plural } from "@/api/schema";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/dialog";
import { notify } from "@/components/ui/toast";
import { showMoment } from "@/format/text";
import { explain } from "@/i18n/explain";
import { useModel } from "@/state/model";
import { recordsMoved } from "@/state/saving";
import { useWords } from "@/state/words";

const hues = { queued: 0, running: 1, done: 2, failed: 4, cancelled: 3 } as const;

const outcomes = ["created", "updated", "unchanged", "failed", "undone", "kept"] as const;

const download =
  "inline-flex h-8 items-center gap-1.5 rounded-md border border-line-strong bg-surface px-2.5 font-medium shadow-card hover:bg-hover pointer-coarse:h-10 [&_svg]:size-4";

/** How far a job is, what came of it, and what can be done about it. */
export function JobCard({ job }: { job: Job }) {
  const { t } = useTranslation();
  const model = useModel();
  const words = useWords();
  const [asking, setAsking] = useState(false);
  const act = useMutation({
    mutationFn: (run: () => Promise<Job>) => run(),
    onSettled: () => queries.invalidateQueries({ queryKey: ["jobs"] }),
    onError: (error) => notify({ title: explain(error), failed: true }),
  });
  const object = job.object ? model.object(job.object) : undefined;
  const kind =
    job.kind === "import" || job.kind === "export" || job.kind === "undo" ? t(`jobs.kind.${job.kind}`) : job.kind;
  const title = [kind, object && plural(object)].filter(Boolean).join(" · ");
  const running = !hasEnded(job);
  const share = job.total > 0 ? Math.min(100, Math.round((job.done / job.total) * 100)) : null;
  const report = job.report ?? {};
  const told = outcomes.filter((one) => Number(report[one] ?? 0) > 0);
  return (
    <article aria-label={title} className="rounded-lg border border-line bg-surface p-4">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h2 className="font-medium">{title}</h2>
        <span className="chip" data-hue={hues[job.state]}>
          {job.cancelling ? t("jobs.cancelling") : t(`jobs.state.${job.state}`)}
        </span>
        {job.dryRun && <span className="chip">{t("jobs.dryRun")}</span>}
        <time dateTime={job.createdAt} className="ms-auto text-xs text-ink-3">
          {showMoment(job.createdAt, words)}
        </time>
      </div>
      {running && (
        <Progress.Root value={share} aria-label={title} className="mt-3 grid grid-cols-[1fr_auto] items-center gap-3">
          <Progress.Track className="h-1.5 overflow-hidden rounded-full bg-active">
            <Progress.Indicator className="block h-full rounded-full bg-accent transition-[width] data-indeterminate:w-1/3! data-indeterminate:animate-pulse" />
          </Progress.Track>
          <Progress.Value className="figure text-xs text-ink-3" />
        </Progress.Root>
      )}
      {told.length > 0 && (
        <p className="figure mt-2 flex flex-wrap gap-x-4 text-ink-2">
          {told.map((one) => (
            <span key={one} className={one === "failed" ? "text-danger" : ""}>
              {t(`jobs.${one}`, { count: Number(report[one]) })}
            </span>
          ))}
        </p>
      )}
      {job.error?.message && <p className="mt-2 text-danger">{job.error.message}</p>}
      <div className="mt-3 flex flex-wrap gap-2 empty:hidden">
        {job.result && (
          <a href={job.result} download className={download}>
            <Download aria-hidden />
            {t("jobs.result")}
          </a>
        )}
        {job.errors && (
          <a href={job.errors} download className={download}>
            <FileWarning aria-hidden />
            {t("jobs.errors")}
          </a>
        )}
        {running && !job.cancelling && (
          <Button disabled={act.isPending} onClick={() => act.mutate(() => cancelJob(job.id))}>
            <X aria-hidden />
            {t("jobs.cancel")}
          </Button>
        )}
        {job.kind === "import" && !job.dryRun && job.state === "done" && (
          <Button disabled={act.isPending} onClick={() => setAsking(true)}>
            <Undo2 aria-hidden />
            {t("jobs.undo")}
          </Button>
        )}
      </div>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={t("jobs.undoAsk")}
        description={t("jobs.undoHint")}
        action={t("jobs.undo")}
        onConfirm={() =>
          act.mutate(async () => {
            const made = await undoJob(job.id);
            if (job.object) void recordsMoved(job.object);
            return made;
          })
        }
      />
    </article>
  );
}
