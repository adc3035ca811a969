import { useInfiniteQuery } from "@tanstack/react-query";
import { CalendarClock, CheckCircle2, Circle, History, Mail, NotebookPen, Phone } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { isNotFound } from "@/api/problem";
import type { Row } from "@/api/records";
import type { Field, ObjectType } from "@/api/schema";
import { type Change, readTimeline, type TimelineItem } from "@/api/timeline";
import { Button } from "@/components/ui/button";
import { Hint } from "@/components/ui/hint";
import { Failure, SkeletonLines } from "@/components/ui/states";
import { RecordLink } from "@/components/value/record-link";
import { isEmpty, showAgo, showMoment, showText } from "@/format/text";
import { useModel } from "@/state/model";
import { saveOrSay } from "@/state/saving";
import { useWords } from "@/state/words";
import { Composer } from "./composer";

/** What happened to a record, and a place to say more. */
export function Timeline({ object, record }: { object: ObjectType; record: Row }) {
  const { t } = useTranslation();
  const found = useInfiniteQuery({
    queryKey: ["timeline", object.name, record.id],
    queryFn: ({ pageParam, signal }) => readTimeline(object.name, record.id, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
  });
  const titles = Object.assign({}, ...(found.data?.pages.map((page) => page.titles ?? {}) ?? [])) as Record<
    string,
    string
  >;
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section aria-label={t("record.timeline")} className="p-4">
      <Composer object={object} record={record} />
      {found.isPending ? (
        <SkeletonLines count={5} />
      ) : found.isError && items.length === 0 ? (
        isNotFound(found.error) ? null : (
          <Failure error={found.error} onRetry={() => void found.refetch()} />
        )
      ) : items.length === 0 ? (
        <p className="py-6 text-center text-ink-3">{t("record.noActivity")}</p>
      ) : (
        <ol className="relative space-y-4 before:absolute before:inset-y-2 before:start-3 before:w-px before:bg-line">
          {items.map((item) => (
            <li key={item.change ? `v${item.change.version}` : item.record?.id} className="relative ps-9">
              <Entry item={item} titles={titles} object={object} />
            </li>
          ))}
        </ol>
      )}
      {found.hasNextPage && (
        <Button
          tone="quiet"
          className="mt-3"
          disabled={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          {t("record.older")}
        </Button>
      )}
    </section>
  );
}

function Dot({ children }: { children: ReactNode }) {
  return (
    <span className="absolute start-0 top-0 flex size-6 items-center justify-center rounded-full border border-line bg-surface text-ink-3 [&_svg]:size-3.5">
      {children}
    </span>
  );
}

function When({ at }: { at: string }) {
  const words = useWords();
  return (
    <Hint text={showMoment(at, words)}>
      <time dateTime={at} className="text-xs whitespace-nowrap text-ink-3">
        {showAgo(at, words.language)}
      </time>
    </Hint>
  );
}

function Entry({ item, titles, object }: { item: TimelineItem; titles: Record<string, string>; object: ObjectType }) {
  if (item.change) return <ChangeEntry change={item.change} titles={titles} object={object} />;
  if (item.record && item.object === "activity") return <ActivityEntry record={item.record} at={item.at} />;
  if (item.record && item.object) return <RecordEntry object={item.object} record={item.record} at={item.at} />;
  return null;
}

const verbs = {
  create: "historyCreate",
  update: "historyUpdate",
  move: "historyMove",
  delete: "historyDelete",
  restore: "historyRestore",
} as const;

function ChangeEntry({
  change,
  titles,
  object,
}: {
  change: Change;
  titles: Record<string, string>;
  object: ObjectType;
}) {
  const { t } = useTranslation();
  const model = useModel();
  const words = useWords();
  const show = (name: string, value: unknown): string => {
    const f = model.field(object.name, name);
    if (isEmpty(value)) return t("record.none");
    if (f?.type === "relation")
      return titles[typeof value === "string" ? value : String((value as Row).id)] ?? t("record.untitled");
    return f ? showText(f as Field, value, words, model) : typeof value === "string" ? value : JSON.stringify(value);
  };
  const verb = verbs[change.operation as keyof typeof verbs] ?? "historyUpdate";
  const told = change.operation === "create" ? [] : change.changes.slice(0, 8);
  return (
    <>
      <Dot>
        <History aria-hidden />
      </Dot>
      <p className="flex flex-wrap items-baseline gap-x-1.5">
        <span className="font-medium">{change.actor?.name ?? t("record.somebody")}</span>
        <span className="text-ink-2">{t(`record.${verb}`)}</span>
        <When at={change.at} />
      </p>
      {told.length > 0 && (
        <ul className="mt-1 space-y-0.5 text-ink-2">
          {told.map((one) => (
            <li key={one.field} className="break-words">
              <span className="text-ink">{one.label ?? one.field}</span>{" "}
              {!isEmpty(one.old) && (
                <>
                  <del className="text-ink-3">{show(one.field, one.old)}</del>{" "}
                </>
              )}
              → {show(one.field, one.new)}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const kindIcons: Record<string, ReactNode> = {
  note: <NotebookPen aria-hidden />,
  call: <Phone aria-hidden />,
  mail: <Mail aria-hidden />,
  meeting: <CalendarClock aria-hidden />,
};

function ActivityEntry({ record, at }: { record: Row; at: string }) {
  const { t } = useTranslation();
  const model = useModel();
  const words = useWords();
  const kind = String(record.kind ?? "note");
  const label = model.field("activity", "kind")?.options?.find((one) => one.key === kind)?.label ?? kind;
  const done = record.status === "done";
  const canFinish = kind === "task" && model.field("activity", "status")?.options?.some((one) => one.key === "done");
  return (
    <>
      <Dot>{kindIcons[kind] ?? <CheckCircle2 aria-hidden />}</Dot>
      <div className="rounded-lg border border-line px-3 py-2">
        <p className="flex items-baseline gap-x-2">
          <span className="text-xs text-ink-3">{label}</span>
          <When at={at} />
        </p>
        <p className="mt-0.5 flex items-start gap-2">
          {canFinish && (
            <button
              type="button"
              aria-label={done ? t("record.reopen") : t("record.markDone")}
              className="mt-0.5 text-ink-3 hover:text-success"
              onClick={() => void saveOrSay("activity", record, { status: done ? "open" : "done" })}
            >
              {done ? (
                <CheckCircle2 className="size-4 text-success" aria-hidden />
              ) : (
                <Circle className="size-4" aria-hidden />
              )}
            </button>
          )}
          <span className={done ? "min-w-0 text-ink-3 line-through" : "min-w-0"}>
            <RecordLink object="activity" id={record.id} title={String(record.subject ?? "")} />
          </span>
        </p>
        {!isEmpty(record.details) && (
          <p className="mt-1 break-words whitespace-pre-wrap text-ink-2">{String(record.details)}</p>
        )}
        {!isEmpty(record.due_at) && (
          <p className="mt-1 text-xs text-ink-3">
            {t("record.due")}: {showMoment(String(record.due_at), words)}
          </p>
        )}
      </div>
    </>
  );
}

function RecordEntry({ object, record, at }: { object: string; record: Row; at: string }) {
  const type = useModel().object(object);
  if (!type) return null;
  return (
    <>
      <Dot>{kindIcons[object === "email_message" ? "mail" : object] ?? <History aria-hidden />}</Dot>
      <p className="flex flex-wrap items-baseline gap-x-1.5">
        <span className="text-ink-2">{type.label}</span>
        <RecordLink object={object} id={record.id} title={String(record[type.title] ?? "")} />
        <When at={at} />
      </p>
    </>
  );
}
