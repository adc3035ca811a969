import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { KanbanSquare, Plus } from "lucide-react";
import { useCallback, useDeferredValue } from "react";
import { useTranslation } from "react-i18next";
import { type ObjectType, type Pipeline, plural } from "@/api/schema";
import { Button } from "@/components/ui/button";
import { Empty } from "@/components/ui/states";
import { both, quickSearch } from "@/format/filter";
import { FilterLine } from "@/pages/list/filter-line";
import { FilterPopover } from "@/pages/list/filter-popover";
import { SearchBox } from "@/pages/list/search-box";
import { Ways } from "@/pages/list/ways";
import { NoObject } from "@/pages/no-object";
import type { ListSearch } from "@/router";
import { ObjectIcon } from "@/shell/object-icon";
import { PageHeader } from "@/shell/page-header";
import { useModel } from "@/state/model";
import { creating } from "@/state/overlays";
import { Board } from "./board";

/** The records of an object in the stages of its pipeline. */
export function BoardPage() {
  const { object: name } = useParams({ from: "/o/$object/board" });
  const model = useModel();
  const object = model.object(name);
  const pipeline = model.pipeline(name);
  if (!object) return <NoObject />;
  // Another object is another board: nothing of the one before stays.
  return pipeline ? <BoardOf key={name} object={object} pipeline={pipeline} /> : <NoPipeline object={object} />;
}

function BoardOf({ object, pipeline }: { object: ObjectType; pipeline: Pipeline }) {
  const { t } = useTranslation();
  const navigate = useNavigate({ from: "/o/$object/board" });
  const search = useSearch({ from: "/o/$object/board" });
  const filter = search.filter ?? "";
  const asked = useDeferredValue(search.q ?? "");
  const set = useCallback(
    (next: Partial<ListSearch>) => void navigate({ search: (before) => ({ ...before, ...next }), replace: true }),
    [navigate],
  );
  const onSearch = useCallback((text: string) => set({ q: text || undefined }), [set]);
  return (
    <>
      <PageHeader title={plural(object)} icon={<ObjectIcon name={object.name} />}>
        <Ways object={object} />
        <Button tone="accent" onClick={() => creating.set({ object: object.name })}>
          <Plus aria-hidden />
          <span className="max-sm:sr-only">{t("list.new")}</span>
        </Button>
      </PageHeader>
      <div
        role="toolbar"
        aria-label={plural(object)}
        className="flex h-11 shrink-0 items-center gap-1 border-b border-line px-2 lg:px-3"
      >
        <SearchBox asked={search.q ?? ""} onSearch={onSearch} />
        <FilterPopover object={object} filter={filter} onFilter={(next) => set({ filter: next || undefined })} />
      </div>
      <FilterLine filter={filter} onClear={() => set({ filter: undefined })} />
      <Board object={object} pipeline={pipeline} filter={both(filter, quickSearch(object, asked))} />
    </>
  );
}

function NoPipeline({ object }: { object: ObjectType }) {
  const { t } = useTranslation();
  return (
    <>
      <PageHeader title={plural(object)} icon={<ObjectIcon name={object.name} />} />
      <Empty icon={<KanbanSquare aria-hidden />} title={t("board.none")} hint={t("board.noneHint")} />
    </>
  );
}
