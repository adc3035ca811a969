import { ChartColumn, Table2 } from "lucide-react";
import { lazy, type ReactNode, Suspense, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { Failure, Skeleton } from "@/components/ui/states";
import type { Point } from "./chart";

const Chart = lazy(() => import("./chart"));

/** A part of the home page under a name. */
export function Card({
  title,
  actions,
  children,
  className,
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  const id = useId();
  return (
    <section
      aria-labelledby={id}
      className={cx("flex min-w-0 flex-col rounded-xl border border-line bg-surface shadow-card", className)}
    >
      <header className="flex h-11 shrink-0 items-center gap-2 ps-4 pe-2">
        <h2 id={id} className="min-w-0 flex-1 truncate font-medium">
          {title}
        </h2>
        {actions}
      </header>
      {children}
    </section>
  );
}

export function Nothing({ children }: { children: ReactNode }) {
  return <p className="flex flex-1 items-center justify-center px-4 py-10 text-center text-ink-3">{children}</p>;
}

interface Props {
  title: string;
  head: string;
  points: Point[] | undefined;
  error: unknown;
  onRetry: () => void;
  lying?: boolean;
  show: (value: number) => string;
  short: (value: number) => string;
  onChoose: (point: Point) => void;
  className?: string;
}

/** A chart, or the same as a table: each line leads to the records behind it. */
export function ChartCard({ title, head, points, error, onRetry, lying, show, short, onChoose, className }: Props) {
  const { t } = useTranslation();
  const [asTable, setAsTable] = useState(false);
  const filled = points?.some((point) => point.value !== 0);
  return (
    <Card
      title={title}
      {...(className && { className })}
      actions={
        filled && (
          <IconButton label={asTable ? t("home.asChart") : t("home.asTable")} onClick={() => setAsTable(!asTable)}>
            {asTable ? <ChartColumn aria-hidden /> : <Table2 aria-hidden />}
          </IconButton>
        )
      }
    >
      {error && !points ? (
        <Failure error={error} onRetry={onRetry} />
      ) : !points ? (
        <div className="flex h-60 items-end gap-3 p-4" role="status" aria-label={t("common.loading")}>
          {["h-1/3", "h-2/3", "h-1/2", "h-full", "h-3/4"].map((height) => (
            <Skeleton key={height} className={cx("flex-1", height)} />
          ))}
        </div>
      ) : !filled ? (
        <Nothing>{t("home.nothing")}</Nothing>
      ) : asTable ? (
        <div className="max-h-60 overflow-y-auto px-4 pb-3">
          <table className="w-full">
            <thead>
              <tr className="text-xs text-ink-3">
                <th scope="col" className="py-1 text-start font-medium">
                  {head}
                </th>
                <th scope="col" className="py-1 text-end font-medium">
                  {t("home.amount")}
                </th>
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {points.map((point) => (
                <tr key={point.key}>
                  <td className="py-1.5">
                    <button
                      type="button"
                      className="text-start underline-offset-2 hover:text-accent-ink hover:underline"
                      onClick={() => onChoose(point)}
                    >
                      {point.label}
                    </button>
                  </td>
                  <td className="figure py-1.5 text-end">{show(point.value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <div className="h-60 px-2 pb-2">
          <Suspense fallback={<Skeleton className="m-4 h-48" />}>
            <Chart points={points} name={title} lying={lying ?? false} show={show} short={short} onChoose={onChoose} />
          </Suspense>
        </div>
      )}
    </Card>
  );
}
