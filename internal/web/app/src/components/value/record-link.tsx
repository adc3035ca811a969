import { PreviewCard } from "@base-ui/react/preview-card";
import { useQuery } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { type MouseEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { read, titleText, withTitles } from "@/api/records";
import { Skeleton } from "@/components/ui/states";
import { factsOf } from "@/format/facts";
import { isEmpty } from "@/format/text";
import { ObjectIcon } from "@/shell/object-icon";
import { useModel } from "@/state/model";
import { useWords } from "@/state/words";
import { Value } from "./value";

function Card({ object, id, title }: { object: string; id: string; title: string }) {
  const model = useModel();
  const { t } = useTranslation();
  const type = model.object(object);
  const facts = type ? factsOf(model, type).slice(0, 6) : [];
  const names = type
    ? [type.title, "currency", ...facts.map((one) => one.name)].filter((name) => model.field(object, name))
    : [];
  const found = useQuery({
    queryKey: ["card", object, id],
    queryFn: ({ signal }) =>
      read(object, id, type ? ["id", ...withTitles(model, type, [...new Set(names)])] : [], signal),
    enabled: type !== undefined,
    staleTime: 30_000,
  });
  if (!type) return null;
  const record = found.data;
  return (
    <div className="w-72 p-3">
      <div className="mb-2 flex items-center gap-2">
        <ObjectIcon name={object} className="size-4 text-ink-3" />
        <span className="truncate font-semibold">
          {titleText(type, record?.[type.title]) || title || t("record.untitled")}
        </span>
      </div>
      <dl className="grid grid-cols-[auto_1fr] gap-x-3 gap-y-1">
        {facts
          .filter((one) => !record || !isEmpty(record[one.name]))
          .map((one) => (
            <div key={one.name} className="contents">
              <dt className="text-ink-3">{one.label}</dt>
              <dd className="flex min-w-0 justify-end">
                {record ? (
                  <Value object={object} field={one} value={record[one.name]} record={record} line />
                ) : (
                  <Skeleton className="h-4 w-20" />
                )}
              </dd>
            </div>
          ))}
      </dl>
    </div>
  );
}

/**
 * A way to a record; a card shows its key facts to whoever points at it. A table
 * has hundreds of them, so that the card is made for the one alone that is pointed at.
 */
export function RecordLink({ object, id, title }: { object: string; id: string; title: string }) {
  const router = useRouter();
  const words = useWords();
  const [near, setNear] = useState(false);
  const text = title || words.untitled;
  const anchor = {
    href: `/o/${encodeURIComponent(object)}/${encodeURIComponent(id)}`,
    className: "truncate underline-offset-2 hover:text-accent-ink hover:underline",
    onClick: (event: MouseEvent) => {
      if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      void router.navigate({ to: "/o/$object/$id", params: { object, id } });
    },
  };
  if (!near) {
    return (
      <a {...anchor} onPointerEnter={() => setNear(true)}>
        {text}
      </a>
    );
  }
  return (
    <PreviewCard.Root>
      <PreviewCard.Trigger delay={350} {...anchor}>
        {text}
      </PreviewCard.Trigger>
      <PreviewCard.Portal>
        <PreviewCard.Positioner sideOffset={6} className="z-50">
          <PreviewCard.Popup className="popup">
            <Card object={object} id={id} title={title} />
          </PreviewCard.Popup>
        </PreviewCard.Positioner>
      </PreviewCard.Portal>
    </PreviewCard.Root>
  );
}
