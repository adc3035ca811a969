import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { RowSelectionState } from "@tanstack/react-table";
import { Download, Import, Inbox, MoreHorizontal, Plus, SearchX, SquareKanban, X } from "lucide-react";
import { useCallback, useDeferredValue, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { startExport } from "@/api/jobs";
import type { Row } from "@/api/records";
import { type ObjectType, plural } from "@/api/schema";
import type { View } from "@/api/views";
import { SearchBox } from "@/components/search-box";
import { Button, IconButton } from "@/components/ui/button";
import { Menu, MenuItem } from "@/components/ui/menu";
import { Empty, Failure, Skeleton } from "@/components/ui/states";
import { notify } from "@/components/ui/toast";
import { both, quickSearch } from "@/format/filter";
import { showNumber } from "@/format/number";
import { explain } from "@/i18n/explain";
import { NoObject } from "@/pages/no-object";
import type { ListSearch } from "@/router";
import { ObjectIcon } from "@/shell/object-icon";
import { PageHeader } from "@/shell/page-header";
import { useModel } from "@/state/model";
import { creating } from "@/state/overlays";
import { useWords } from "@/state/words";
import { BulkBar } from "./bulk-bar";
import { useColumns } from "./columns";
import { ColumnsPopover } from "./columns-popover";
import { DataGrid } from "./data-grid";
import { FilterPopover } from "./filter-popover";
import { useList } from "./use-list";
import { ViewsMenu } from "./views-menu";

export function ListPage() {
  const { object: name } = useParams({ from: "/o/$object" });
  const object = useModel().object(name);
  // Another object is another list: nothing of the one before stays.
  return object ? <ListOf key={name} object={object} /> : <NoObject />;
}

const noRows: Row[] = [];

function ListOf({ object }: { object: ObjectType }) {
  const { t } = useTranslation();
  const model = useModel();
  const words = useWords();
  const navigate = useNavigate({ from: "/o/$object" });
  const search = useSearch({ from: "/o/$object" });
  const filter = search.filter ?? "";
  const sort = useMemo(() => (search.sort ? search.sort.split(",") : []), [search.sort]);
  const [typed, setTyped] = useState(search.q ?? "");
  const asked = useDeferredValue(search.q ?? "");
  const { columns, setColumns, reset } = useColumns(model, object);
  const names = useMemo(() => columns.map((one) => one.name), [columns]);
  const [selection, setSelection] = useState<RowSelectionState>({});

  const wanted = both(filter, quickSearch(object, asked));
  const { rows: query, count } = useList(model, object, { filter: wanted, sort, columns: names });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? noRows, [query.data]);

  const set = useCallback(
    (next: Partial<ListSearch>) => {
      setSelection({});
      void navigate({ search: (before) => ({ ...before, ...next }), replace: true });
    },
    [navigate],
  );
  // What is typed goes into the address a moment later, so that each letter does not ask the server.
  useEffect(() => {
    if (typed === (search.q ?? "")) return;
    const timer = setTimeout(() => set({ q: typed || undefined }), 180);
    return () => clearTimeout(timer);
  }, [typed, search.q, set]);

  const contents = useMemo(
    () => ({ columns: columns.map((one) => ({ field: one.name, width: one.width })), sort, filter: filter || null }),
    [columns, sort, filter],
  );
  const openView = (view: View | null) => {
    setTyped("");
    if (view?.columns && view.columns.length > 0) {
      setColumns(
        view.columns
          .filter((one) => model.field(object.name, one.field))
          .map((one) => ({ name: one.field, width: one.width ?? 160 })),
      );
    }
    set({ view: view?.id, filter: view?.filter || undefined, sort: view?.sort?.join(",") || undefined, q: undefined });
  };
  const ids = useMemo(() => Object.keys(selection), [selection]);
  const narrowed = filter !== "" || (search.q ?? "") !== "";
  const exportList = async () => {
    try {
      await startExport(object.name, { ...(wanted && { filter: wanted }), fields: names });
      notify({ title: t("list.exportStarted"), description: t("list.exportStartedHint") });
    } catch (error) {
      notify({ title: explain(error), failed: true });
    }
  };
  const number = count?.count === undefined ? null : showNumber(count.count, words.language);
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const clear = () => {
    setTyped("");
    set({ filter: undefined, q: undefined });
  };

  return (
    <>
      <PageHeader title={plural(object)} icon={<ObjectIcon name={object.name} />}>
        <Menu
          align="end"
          trigger={
            <IconButton label={t("list.more")} hint={false}>
              <MoreHorizontal aria-hidden />
            </IconButton>
          }
        >
          <MenuItem
            icon={<Import aria-hidden />}
            onClick={() => void navigate({ to: "/import/$object", params: { object: object.name } })}
          >
            {t("list.import")}
          </MenuItem>
          <MenuItem icon={<Download aria-hidden />} onClick={() => void exportList()}>
            {t("list.exportAll")}
          </MenuItem>
        </Menu>
        {model.pipeline(object.name) && (
          <Link
            to="/o/$object/board"
            params={{ object: object.name }}
            search={{ filter: search.filter, q: search.q }}
            className="inline-flex h-8 items-center gap-1.5 rounded-md px-2.5 font-medium text-ink-2 hover:bg-hover hover:text-ink"
          >
            <SquareKanban className="size-4" aria-hidden />
            <span className="max-sm:sr-only">{t("list.board")}</span>
          </Link>
        )}
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
        <SearchBox value={typed} onValue={setTyped} />
        <ViewsMenu object={object} open={search.view} contents={contents} onOpen={openView} />
        <FilterPopover object={object} filter={filter} onFilter={(next) => set({ filter: next || undefined })} />
        <ColumnsPopover object={object} columns={columns} onColumns={setColumns} onReset={reset} />
        <span role="status" className="figure ms-auto pe-1 text-xs whitespace-nowrap text-ink-3 max-sm:hidden">
          {number !== null &&
            t("list.count", {
              count: count?.count ?? 0,
              replace: { count: count?.estimated ? t("list.about", { count: number as never }) : number },
            })}
        </span>
      </div>
      {filter && (
        <div className="flex shrink-0 items-center gap-2 border-b border-line bg-canvas px-4 py-1.5">
          <code className="min-w-0 flex-1 truncate font-mono text-xs text-ink-2">{filter}</code>
          <IconButton label={t("list.clear")} className="size-6!" onClick={() => set({ filter: undefined })}>
            <X aria-hidden />
          </IconButton>
        </div>
      )}
      <div className="relative flex min-h-0 flex-1 flex-col" aria-busy={query.isFetching}>
        {query.isError && rows.length === 0 ? (
          <Failure error={query.error} onRetry={() => void query.refetch()} />
        ) : query.isPending ? (
          <LoadingRows />
        ) : rows.length === 0 ? (
          narrowed ? (
            <Empty icon={<SearchX aria-hidden />} title={t("list.noMatch")} hint={t("list.noMatchHint")}>
              <Button onClick={clear}>{t("list.clear")}</Button>
            </Empty>
          ) : (
            <Empty
              icon={<Inbox aria-hidden />}
              title={t("list.empty", { object: plural(object) })}
              hint={t("list.emptyHint")}
            >
              <Button tone="accent" onClick={() => creating.set({ object: object.name })}>
                <Plus aria-hidden />
                {t("list.newOf", { object: object.label })}
              </Button>
            </Empty>
          )
        ) : (
          <DataGrid
            object={object}
            rows={rows}
            columns={columns}
            onColumns={setColumns}
            sort={sort}
            onSort={(next) => set({ sort: next.join(",") || undefined })}
            selection={selection}
            onSelection={setSelection}
            total={count?.estimated ? undefined : count?.count}
            more={hasNextPage}
            onEnd={onEnd}
            onOpen={(row) => void navigate({ to: "/o/$object/$id", params: { object: object.name, id: row.id } })}
          />
        )}
        {ids.length > 0 && <BulkBar object={object} ids={ids} onClear={() => setSelection({})} />}
      </div>
    </>
  );
}

function LoadingRows() {
  const { t } = useTranslation();
  return (
    <div role="status" aria-label={t("common.loading")} className="flex-1 overflow-hidden">
      {Array.from({ length: 18 }, (_, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike
        <div key={at} className="flex h-9 items-center gap-8 border-b border-line px-4">
          <Skeleton className="size-4" />
          <Skeleton className="h-3.5 w-44" />
          <Skeleton className="h-3.5 w-24 max-sm:hidden" />
          <Skeleton className="h-3.5 w-32 max-md:hidden" />
          <Skeleton className="h-3.5 w-20 max-lg:hidden" />
          <Skeleton className="h-3.5 w-28 max-xl:hidden" />
        </div>
      ))}
    </div>
  );
}
