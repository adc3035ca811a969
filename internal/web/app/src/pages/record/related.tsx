import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronRight, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { aggregate, list, type Row, titleText, withTitles } from "@/api/records";
import { type Inverse, type ObjectType, plural } from "@/api/schema";
import { Button, IconButton } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { SkeletonLines } from "@/components/ui/states";
import { RecordLink } from "@/components/value/record-link";
import { Value } from "@/components/value/value";
import { factsOf } from "@/format/facts";
import { showNumber } from "@/format/number";
import { isEmpty } from "@/format/text";
import { ObjectIcon } from "@/shell/object-icon";
import { useModel } from "@/state/model";
import { creating } from "@/state/overlays";
import { useWords } from "@/state/words";

const firstRows = 6;

/** What points to a record: a list for each object and relation, those that hold something first. */
export function Related({ object, record }: { object: ObjectType; record: Row }) {
  const { t } = useTranslation();
  const model = useModel();
  const [all, setAll] = useState(false);
  const inverses = model.inverses(object);
  const counts = useQuery({
    queryKey: ["related", object.name, record.id, "counts"],
    queryFn: async ({ signal }) => {
      const found = await Promise.all(
        inverses.map(async (one) => {
          const answer = await aggregate(
            one.object.name,
            {
              groups: [],
              values: [{ function: "count", name: "count" }],
              filter: `${one.field.name} == ${JSON.stringify(record.id)}`,
            },
            signal,
          );
          return [keyOf(one), Number(answer.items[0]?.count ?? 0)] as const;
        }),
      );
      return new Map(found);
    },
    staleTime: 15_000,
  });
  if (inverses.length === 0) return null;
  if (!counts.data) return counts.isError ? null : <SkeletonLines count={4} />;
  const full = inverses.filter((one) => (counts.data.get(keyOf(one)) ?? 0) > 0);
  const empty = inverses.filter((one) => (counts.data.get(keyOf(one)) ?? 0) === 0);
  return (
    <section aria-label={t("record.related")} className="space-y-3 p-4">
      {full.map((one) => (
        <RelatedList key={keyOf(one)} inverse={one} record={record} count={counts.data.get(keyOf(one)) ?? 0} />
      ))}
      {(all ? empty : empty.slice(0, full.length > 0 ? 0 : 4)).map((one) => (
        <div key={keyOf(one)} className="flex h-9 items-center gap-2 rounded-lg border border-line ps-3 pe-1">
          <ObjectIcon name={one.object.name} className="size-4 shrink-0 text-ink-3" />
          <span className="min-w-0 flex-1 truncate text-ink-2">{titleOf(one, inverses)}</span>
          <span className="text-xs text-ink-3">{t("record.noneOf")}</span>
          <AddButton inverse={one} record={record} />
        </div>
      ))}
      {empty.length > 0 && (
        <Button tone="quiet" className="text-xs!" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? t("record.hideEmpty") : t("record.showEmptyLists", { count: empty.length })}
        </Button>
      )}
    </section>
  );
}

const keyOf = (one: Inverse): string => `${one.object.name}.${one.field.name}`;

/** Two relations from the same object are told apart by their own names. */
function titleOf(one: Inverse, all: Inverse[]): string {
  const others = all.filter((other) => other.object === one.object);
  return others.length > 1 ? `${plural(one.object)} · ${one.field.label}` : plural(one.object);
}

function AddButton({ inverse, record }: { inverse: Inverse; record: Row }) {
  const { t } = useTranslation();
  return (
    <IconButton
      label={t("record.addOf", { object: inverse.object.label })}
      className="size-7!"
      onClick={() => creating.set({ object: inverse.object.name, values: { [inverse.field.name]: record.id } })}
    >
      <Plus aria-hidden />
    </IconButton>
  );
}

function RelatedList({ inverse, record, count }: { inverse: Inverse; record: Row; count: number }) {
  const { t } = useTranslation();
  const model = useModel();
  const words = useWords();
  const [open, setOpen] = useState(true);
  const { object, field: relation } = inverse;
  const facts = factsOf(model, object)
    .filter((f) => f.name !== relation.name)
    .slice(0, 3);
  const filter = `${relation.name} == ${JSON.stringify(record.id)}`;
  const names = [...new Set(["id", object.title, "currency", ...facts.map((f) => f.name)])].filter((name) =>
    model.field(object.name, name),
  );
  const rows = useQuery({
    queryKey: ["related", object.name, relation.name, record.id],
    queryFn: ({ signal }) =>
      list(
        object.name,
        { filter, sort: ["-updated_at"], fields: withTitles(model, object, names), limit: firstRows },
        signal,
      ),
    enabled: open,
  });
  const title = titleOf(inverse, model.inverses(model.object(relation.target ?? "") ?? object));
  return (
    <div className="overflow-hidden rounded-lg border border-line">
      <div className={cx("flex h-9 items-center gap-2 bg-canvas ps-1 pe-1", open && "border-b border-line")}>
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="flex h-full min-w-0 flex-1 items-center gap-1.5 rounded-md px-1 text-start font-medium"
        >
          <ChevronRight
            className={cx("size-3.5 shrink-0 text-ink-3 transition-transform", open ? "rotate-90" : "rtl:-scale-x-100")}
            aria-hidden
          />
          <ObjectIcon name={object.name} className="size-4 shrink-0 text-ink-3" />
          <span className="truncate">{title}</span>
          <span className="figure text-xs font-normal text-ink-3">{showNumber(count, words.language)}</span>
        </button>
        <AddButton inverse={inverse} record={record} />
      </div>
      {open && (
        <>
          <ul>
            {(rows.data?.items ?? []).map((row) => (
              <li
                key={row.id}
                className="flex min-h-9 flex-wrap items-center gap-x-4 gap-y-0.5 border-b border-line px-3 py-1 last:border-0 hover:bg-hover"
              >
                <span className="flex min-w-32 flex-1 font-medium">
                  <RecordLink
                    object={object.name}
                    id={row.id}
                    title={titleText(object, row[object.title]) || t("record.untitled")}
                  />
                </span>
                {facts
                  .filter((f) => !isEmpty(row[f.name]))
                  .map((f) => (
                    <span key={f.name} className="flex max-w-48 min-w-0 text-ink-2" title={f.label}>
                      <Value object={object.name} field={f} value={row[f.name]} record={row} line />
                    </span>
                  ))}
              </li>
            ))}
          </ul>
          {count > firstRows && (
            <Link
              to="/o/$object"
              params={{ object: object.name }}
              search={{ filter }}
              className="block border-t border-line px-3 py-2 text-xs font-medium text-accent-ink hover:bg-hover"
            >
              {t("record.showAll")}
            </Link>
          )}
        </>
      )}
    </div>
  );
}
