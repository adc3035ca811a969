import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import { explain } from "@/i18n/explain";
import { Button } from "./button";
import { cx } from "./cx";

/** Says that there is nothing, and what to do about it. */
export function Empty({
  icon,
  title,
  hint,
  children,
}: {
  icon?: ReactNode;
  title: string;
  hint?: string | undefined;
  children?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center justify-center gap-1 px-6 py-14 text-center">
      {icon && (
        <div className="mb-2 flex size-11 items-center justify-center rounded-xl border border-line bg-surface text-ink-3 shadow-card [&_svg]:size-5">
          {icon}
        </div>
      )}
      <p className="text-base font-semibold">{title}</p>
      {hint && <p className="max-w-sm text-ink-2">{hint}</p>}
      {children && <div className="mt-4 flex flex-wrap justify-center gap-2">{children}</div>}
    </div>
  );
}

/** Says what went wrong and offers another try. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  return (
    <div role="alert">
      <Empty icon={<CircleAlert aria-hidden />} title={t("errors.title")} hint={explain(error)}>
        {onRetry && <Button onClick={onRetry}>{t("errors.retry")}</Button>}
      </Empty>
      {error instanceof Problem && error.requestId && (
        <p className="-mt-8 text-center text-xs text-ink-3">{t("errors.request", { id: error.requestId })}</p>
      )}
    </div>
  );
}

export function Skeleton({ className }: { className?: string }) {
  return <span className={cx("skeleton block", className)} aria-hidden />;
}

/** Lines that breathe while something is loaded. */
export function SkeletonLines({ count = 6 }: { count?: number }) {
  const { t } = useTranslation();
  return (
    <div className="space-y-3 p-4" role="status" aria-label={t("common.loading")}>
      {Array.from({ length: count }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike
        <Skeleton key={line} className={cx("h-4", ["w-3/4", "w-1/2", "w-5/6"][line % 3])} />
      ))}
    </div>
  );
}
