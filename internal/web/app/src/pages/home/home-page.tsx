import { Link, useNavigate } from "@tanstack/react-router";
import { Circle, CircleCheck, House } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Row, titleText } from "@/api/records";
import type { Model, ObjectType, Pipeline } from "@/api/schema";
import { SkeletonLines } from "@/components/ui/states";
import { RecordLink } from "@/components/value/record-link";
import { Value } from "@/components/value/value";
import { showMoney, showNumber, showPercent } from "@/format/number";
import { isEmpty, showAgo, showMoment } from "@/format/text";
import { useFigures } from "@/pages/board/use-board";
import { PageHeader } from "@/shell/page-header";
import { useModel } from "@/state/model";
import { recordsMoved, saveOrSay } from "@/state/saving";
import { useWords } from "@/state/words";
import { Card, ChartCard, Nothing } from "./chart-card";
import { baseAmount, salesOf, stagesOf, useBest, useMonths, useRows } from "./figures";
import { Ways } from "./ways";

/** Where a day begins: how the pipeline stands, and what waits for one. */
export function HomePage() {
  const { t } = useTranslation();
  const model = useModel();
  const sales = salesOf(model);
  return (
    <>
      <PageHeader title={t("nav.home")} icon={<House aria-hidden />} />
      <div className="min-h-0 flex-1 overflow-y-auto bg-canvas">
        <div className="mx-auto max-w-7xl space-y-4 p-4 lg:p-6">
          <p className="text-2xl font-semibold tracking-tight">{t("home.hello", { name: model.schema.user.name })}</p>
          {sales && <Sales model={model} object={sales.object} pipeline={sales.pipeline} />}
          <div className="grid gap-4 lg:grid-cols-2 xl:grid-cols-3">
            {sales && <MyOpen model={model} object={sales.object} pipeline={sales.pipeline} />}
            <Tasks model={model} />
            <Lately model={model} object={sales?.object ?? model.object("customer")} />
          </div>
          <Ways />
        </div>
      </div>
    </>
  );
}

function Tile({ label, value, to }: { label: string; value: string; to: ReactNode }) {
  return (
    <div className="relative rounded-xl border border-line bg-surface px-4 py-3 shadow-card hover:border-line-strong">
      <p className="text-xs text-ink-3">{label}</p>
      <p className="figure mt-0.5 truncate text-xl font-semibold tracking-tight">{value}</p>
      {to}
    </div>
  );
}

interface SalesProps {
  model: Model;
  object: ObjectType;
  pipeline: Pipeline;
}

const monthsShown = 12;

function Sales({ model, object, pipeline }: SalesProps) {
  const { t } = useTranslation();
  const words = useWords();
  const navigate = useNavigate();
  const amount = baseAmount(object);
  const { currency } = model.schema.organisation;
  const hasDate = model.field(object.name, "close_date") !== undefined;
  const open = stagesOf(pipeline, "open");
  const won = stagesOf(pipeline, "won");
  const figures = useFigures(object, pipeline, "");
  const wonMonths = useMonths(object, "close_date", amount ?? "", won, hasDate && amount !== undefined);
  const forecast = useMonths(
    object,
    "close_date",
    model.field(object.name, "weighted_amount") ? "weighted_amount" : (amount ?? ""),
    open,
    hasDate && amount !== undefined,
  );
  const best = useBest(
    model,
    object,
    "customer",
    amount ?? "",
    won,
    amount !== undefined && model.field(object.name, "customer") !== undefined,
  );

  const total = (kind: string, what: "count" | "sum") =>
    pipeline.stages
      .filter((one) => one.kind === kind)
      .reduce((sum, one) => sum + Number(figures.data?.get(one.key)?.[what] ?? 0), 0);
  const closed = total("won", "count") + total("lost", "count");
  const money = (value: number) => showMoney(value, currency, words.language);
  const short = (value: number) => showMoney(value, currency, words.language, true);
  const monthName = new Intl.DateTimeFormat(words.language, { month: "short", year: "2-digit", timeZone: "UTC" });
  const list = (filter: string) =>
    void navigate({ to: "/o/$object", params: { object: object.name }, search: { filter } });
  const cover = (filter: string, label: string) => (
    <Link
      to="/o/$object"
      params={{ object: object.name }}
      search={{ filter }}
      aria-label={label}
      className="absolute inset-0 rounded-xl"
    />
  );
  const months = (found: typeof wonMonths.data, filter: string) =>
    found?.slice(-monthsShown).map((one) => ({
      key: `${filter} && ${between(one.month)}`,
      label: monthName.format(new Date(`${one.month}T00:00:00Z`)),
      value: Math.round(one.sum),
    }));
  const colours = { open: "var(--accent)", won: "var(--success)", lost: "var(--danger)" };
  const wait = "…";
  return (
    <>
      <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Tile
          label={t("home.openCount")}
          value={figures.data ? showNumber(total("open", "count"), words.language) : wait}
          to={cover(open, t("home.openCount"))}
        />
        <Tile
          label={t("home.openAmount")}
          value={figures.data ? money(total("open", "sum")) : wait}
          to={cover(`${open} && amount != null`, t("home.openAmount"))}
        />
        <Tile
          label={t("home.wonAmount")}
          value={figures.data ? money(total("won", "sum")) : wait}
          to={cover(won, t("home.wonAmount"))}
        />
        <Tile
          label={t("home.winRate")}
          value={
            figures.data
              ? closed > 0
                ? showPercent(((100 * total("won", "count")) / closed).toFixed(1), words.language)
                : "–"
              : wait
          }
          to={cover(stagesOf(pipeline, "won", "lost"), t("home.winRate"))}
        />
      </div>
      <div className="grid gap-4 lg:grid-cols-2">
        <ChartCard
          title={t("home.byStage")}
          head={t("home.stage")}
          lying
          points={
            figures.data &&
            pipeline.stages.map((stage) => ({
              key: `${pipeline.field} == ${JSON.stringify(stage.key)}`,
              label: stage.label,
              value: figures.data?.get(stage.key)?.count ?? 0,
              colour: colours[stage.kind],
            }))
          }
          error={figures.error}
          onRetry={() => void figures.refetch()}
          show={(value) => showNumber(value, words.language)}
          short={(value) => showNumber(value, words.language)}
          onChoose={(point) => list(point.key)}
        />
        {hasDate && amount && (
          <>
            <ChartCard
              title={t("home.wonPerMonth")}
              head={t("home.month")}
              points={months(wonMonths.data, won)}
              error={wonMonths.error}
              onRetry={() => void wonMonths.refetch()}
              show={money}
              short={short}
              onChoose={(point) => list(point.key)}
            />
            <ChartCard
              title={t("home.forecast")}
              head={t("home.month")}
              points={months(forecast.data, open)}
              error={forecast.error}
              onRetry={() => void forecast.refetch()}
              show={money}
              short={short}
              onChoose={(point) => list(point.key)}
            />
          </>
        )}
        {amount && (
          <ChartCard
            title={t("home.topCustomers")}
            head={model.field(object.name, "customer")?.label ?? ""}
            lying
            points={best.data?.map((one) => ({ key: one.id, label: one.title, value: Math.round(one.sum) }))}
            error={best.error}
            onRetry={() => void best.refetch()}
            show={money}
            short={short}
            onChoose={(point) => list(`${won} && customer == ${JSON.stringify(point.key)}`)}
          />
        )}
      </div>
    </>
  );
}

/** The days of a month, as a filter has them. */
function between(month: string): string {
  const first = new Date(`${month}T00:00:00Z`);
  const next = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 1));
  return `close_date >= date("${month.slice(0, 10)}") && close_date < date("${next.toISOString().slice(0, 10)}")`;
}

function All({ object, filter }: { object: ObjectType; filter?: string }) {
  const { t } = useTranslation();
  return (
    <Link
      to="/o/$object"
      params={{ object: object.name }}
      search={filter ? { filter } : {}}
      className="rounded-md px-2 py-1 text-xs font-medium text-ink-2 hover:bg-hover hover:text-ink"
    >
      {t("home.showList")}
    </Link>
  );
}

function Lines({ rows, children }: { rows: Row[]; children: (row: Row) => ReactNode }) {
  return (
    <ul className="pb-2">
      {rows.map((row) => (
        <li key={row.id} className="flex min-h-9 items-center gap-3 px-4 hover:bg-hover">
          {children(row)}
        </li>
      ))}
    </ul>
  );
}

function MyOpen({ model, object, pipeline }: SalesProps) {
  const { t } = useTranslation();
  const filter = `${stagesOf(pipeline, "open")} && owner == user()`;
  const names = [object.title, pipeline.field, "amount", "currency", "customer"];
  const found = useRows(model, object, filter, ["-id"], names);
  const rows = found.data?.items ?? [];
  const stage = model.field(object.name, pipeline.field);
  return (
    <Card title={t("home.myOpen")} actions={<All object={object} filter={filter} />}>
      {found.isPending ? (
        <SkeletonLines count={5} />
      ) : rows.length === 0 ? (
        <Nothing>{t("home.nothing")}</Nothing>
      ) : (
        <Lines rows={rows}>
          {(row) => (
            <>
              <span className="flex min-w-0 flex-1 font-medium">
                <RecordLink object={object.name} id={row.id} title={titleText(object, row[object.title])} />
              </span>
              {stage && <Value object={object.name} field={stage} value={row[pipeline.field]} line />}
            </>
          )}
        </Lines>
      )}
    </Card>
  );
}

function Tasks({ model }: { model: Model }) {
  const { t } = useTranslation();
  const words = useWords();
  const [done, setDone] = useState<string[]>([]);
  const object = model.object("activity");
  const open = (model.field("activity", "status")?.options ?? [])
    .map((one) => one.key)
    .filter((key) => ["open", "in_progress"].includes(key));
  const filter = `kind == "task" && status in [${open.map((key) => JSON.stringify(key)).join(", ")}] && (owner == user() || owner == null && created_by == user())`;
  const found = useRows(
    model,
    open.length > 0 ? object : undefined,
    filter,
    ["due_at"],
    ["subject", "due_at", "status"],
    7,
  );
  if (!object || open.length === 0) return null;
  const rows = found.data?.items ?? [];
  return (
    <Card title={t("home.tasksDue")} actions={<All object={object} filter={filter} />}>
      {found.isPending ? (
        <SkeletonLines count={5} />
      ) : rows.length === 0 ? (
        <Nothing>{t("home.noTasks")}</Nothing>
      ) : (
        <Lines rows={rows}>
          {(row) => (
            <>
              <button
                type="button"
                aria-label={`${t("record.markDone")}: ${String(row.subject)}`}
                className="text-ink-3 hover:text-success"
                onClick={() => {
                  setDone((all) => [...all, row.id]);
                  void saveOrSay("activity", row, { status: "done" }).then((saved) => {
                    if (!saved) setDone((all) => all.filter((id) => id !== row.id));
                    void recordsMoved("activity");
                  });
                }}
              >
                {done.includes(row.id) ? (
                  <CircleCheck className="size-4 text-success" aria-hidden />
                ) : (
                  <Circle className="size-4" aria-hidden />
                )}
              </button>
              <span className="flex min-w-0 flex-1">
                <RecordLink object="activity" id={row.id} title={String(row.subject ?? "")} />
              </span>
              {!isEmpty(row.due_at) && (
                <time
                  dateTime={String(row.due_at)}
                  title={showMoment(String(row.due_at), words)}
                  className={
                    Date.parse(String(row.due_at)) < Date.now()
                      ? "text-xs whitespace-nowrap text-danger"
                      : "text-xs whitespace-nowrap text-ink-3"
                  }
                >
                  {showAgo(String(row.due_at), words.language)}
                </time>
              )}
            </>
          )}
        </Lines>
      )}
    </Card>
  );
}

function Lately({ model, object }: { model: Model; object: ObjectType | undefined }) {
  const { t } = useTranslation();
  const words = useWords();
  const found = useRows(model, object, "", ["-updated_at"], [object?.title ?? "", "updated_at", "updated_by"]);
  if (!object) return null;
  const rows = found.data?.items ?? [];
  return (
    <Card title={t("home.activity")} actions={<All object={object} />}>
      {found.isPending ? (
        <SkeletonLines count={5} />
      ) : rows.length === 0 ? (
        <Nothing>{t("home.nothing")}</Nothing>
      ) : (
        <Lines rows={rows}>
          {(row) => (
            <>
              <span className="flex min-w-0 flex-1 font-medium">
                <RecordLink object={object.name} id={row.id} title={titleText(object, row[object.title])} />
              </span>
              <time dateTime={String(row.updated_at)} className="text-xs whitespace-nowrap text-ink-3">
                {showAgo(String(row.updated_at), words.language)}
              </time>
            </>
          )}
        </Lines>
      )}
    </Card>
  );
}
