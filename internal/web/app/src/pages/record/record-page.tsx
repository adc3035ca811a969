import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { ChevronLeft, FileQuestion, Link2, MoreHorizontal, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { isNotFound } from "@/api/problem";
import { type Row, read, remove, restore, titleText, withTitles } from "@/api/records";
import { type ObjectType, plural } from "@/api/schema";
import { IconButton } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { Confirm } from "@/components/ui/dialog";
import { Menu, MenuItem } from "@/components/ui/menu";
import { Empty, Failure, SkeletonLines } from "@/components/ui/states";
import { notify } from "@/components/ui/toast";
import { Value } from "@/components/value/value";
import { factsOf } from "@/format/facts";
import { isEmpty } from "@/format/text";
import { explain } from "@/i18n/explain";
import { NoObject } from "@/pages/no-object";
import { ObjectIcon } from "@/shell/object-icon";
import { PageHeader } from "@/shell/page-header";
import { useModel } from "@/state/model";
import { visited } from "@/state/overlays";
import { recordsMoved } from "@/state/saving";
import { Details } from "./details";
import { PipelineBar } from "./pipeline-bar";
import { Related } from "./related";
import { Timeline } from "./timeline";

export default function RecordPage() {
  const { object: name, id } = useParams({ from: "/o/$object/$id" });
  const object = useModel().object(name);
  return object ? <RecordOf key={id} object={object} id={id} /> : <NoObject />;
}

const back = (object: ObjectType) => (
  <Link
    to="/o/$object"
    params={{ object: object.name }}
    aria-label={plural(object)}
    className="flex size-8 shrink-0 items-center justify-center rounded-md text-ink-2 hover:bg-hover hover:text-ink pointer-coarse:size-10"
  >
    <ChevronLeft className="size-4 rtl:-scale-x-100" aria-hidden />
  </Link>
);

function RecordOf({ object, id }: { object: ObjectType; id: string }) {
  const { t } = useTranslation();
  const model = useModel();
  const fields = withTitles(
    model,
    object,
    object.fields.map((f) => f.name),
  );
  const found = useQuery({
    queryKey: ["record", object.name, id, fields],
    queryFn: ({ signal }) => read(object.name, id, fields, signal),
    refetchInterval: 15_000,
    staleTime: 0,
  });
  const record = found.data;
  const title = record ? titleText(object, record[object.title]) || t("record.untitled") : object.label;
  useEffect(() => {
    if (record) visited({ object: object.name, id, title });
  }, [record, object.name, id, title]);

  if (!record) {
    return (
      <>
        <PageHeader title={title} lead={back(object)} icon={<ObjectIcon name={object.name} />} />
        {found.isPending ? (
          <SkeletonLines count={12} />
        ) : isNotFound(found.error) ? (
          <Empty icon={<FileQuestion aria-hidden />} title={t("record.gone")} hint={t("record.goneHint")} />
        ) : (
          <Failure error={found.error} onRetry={() => void found.refetch()} />
        )}
      </>
    );
  }
  return <Contents object={object} record={record} title={title} />;
}

type Tab = "details" | "timeline" | "related";

function Contents({ object, record, title }: { object: ObjectType; record: Row; title: string }) {
  const { t } = useTranslation();
  const model = useModel();
  const navigate = useNavigate();
  const [tab, setTab] = useState<Tab>("details");
  const [asking, setAsking] = useState(false);
  const pipeline = model.pipeline(object.name);
  const facts = factsOf(model, object)
    .filter(
      (f) =>
        f.name !== pipeline?.field &&
        !isEmpty(record[f.name]) &&
        record[f.name] !== false &&
        Number(record[f.name]) !== 0,
    )
    .slice(0, 5);

  const removeIt = async () => {
    try {
      await remove(object.name, record.id, record.version);
      await navigate({ to: "/o/$object", params: { object: object.name } });
      await recordsMoved(object.name);
      notify({
        title: t("record.deleted", { name: title }),
        action: {
          label: t("list.undo"),
          run: () => {
            void restore(object.name, record.id)
              .then(() => recordsMoved(object.name))
              .catch((error) => notify({ title: explain(error), failed: true }));
          },
        },
      });
    } catch (error) {
      notify({ title: explain(error), failed: true });
    }
  };
  const tabs: { name: Tab; label: string }[] = [
    { name: "details", label: t("record.details") },
    { name: "timeline", label: t("record.timeline") },
    { name: "related", label: t("record.related") },
  ];
  return (
    <>
      <PageHeader title={title} lead={back(object)} icon={<ObjectIcon name={object.name} />}>
        <Menu
          align="end"
          trigger={
            <IconButton label={t("record.actions")} hint={false}>
              <MoreHorizontal aria-hidden />
            </IconButton>
          }
        >
          <MenuItem
            icon={<Link2 aria-hidden />}
            onClick={() => {
              void navigator.clipboard.writeText(location.href).then(() => notify({ title: t("record.linkCopied") }));
            }}
          >
            {t("record.copyLink")}
          </MenuItem>
          <MenuItem danger icon={<Trash2 aria-hidden />} onClick={() => setAsking(true)}>
            {t("list.delete")}
          </MenuItem>
        </Menu>
      </PageHeader>
      {facts.length > 0 && (
        <dl className="flex shrink-0 gap-x-8 gap-y-2 overflow-x-auto border-b border-line px-4 py-2.5">
          {facts.map((f) => (
            <div key={f.name} className="min-w-0 shrink-0">
              <dt className="text-xs text-ink-3">{f.label}</dt>
              <dd className="flex max-w-60 font-medium">
                <Value object={object.name} field={f} value={record[f.name]} record={record} line />
              </dd>
            </div>
          ))}
        </dl>
      )}
      {pipeline && <PipelineBar pipeline={pipeline} record={record} />}
      <div role="tablist" aria-label={title} className="flex shrink-0 gap-1 border-b border-line px-3 xl:hidden">
        {tabs.map((one) => (
          <button
            key={one.name}
            type="button"
            role="tab"
            id={`tab-${one.name}`}
            aria-selected={tab === one.name}
            aria-controls={`panel-${one.name}`}
            onClick={() => setTab(one.name)}
            className={cx(
              "h-10 border-b-2 px-2 font-medium",
              tab === one.name ? "border-accent text-ink" : "border-transparent text-ink-2 hover:text-ink",
            )}
          >
            {one.label}
          </button>
        ))}
      </div>
      <div className="flex min-h-0 flex-1">
        <div
          id="panel-details"
          className={cx(
            "min-w-0 flex-1 overflow-y-auto xl:max-w-136 xl:border-e xl:border-line",
            tab !== "details" && "max-xl:hidden",
          )}
        >
          <Details object={object} record={record} />
        </div>
        <div className={cx("min-w-0 flex-1 overflow-y-auto 2xl:flex", tab === "details" && "max-xl:hidden")}>
          <div id="panel-timeline" className={cx("min-w-0 flex-1", tab !== "timeline" && "max-xl:hidden")}>
            <Timeline object={object} record={record} />
          </div>
          <div
            id="panel-related"
            className={cx("min-w-0 flex-1 2xl:border-s 2xl:border-line", tab !== "related" && "max-xl:hidden")}
          >
            <Related object={object} record={record} />
          </div>
        </div>
      </div>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={t("record.deleteAsk", { name: title })}
        description={t("list.deleteHint")}
        action={t("list.delete")}
        onConfirm={() => void removeIt()}
      />
    </>
  );
}
