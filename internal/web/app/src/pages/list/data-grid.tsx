import {
  type CellContext,
  columnOrderingFeature,
  columnResizingFeature,
  columnSizingFeature,
  createColumnHelper,
  type RowSelectionState,
  rowSelectionFeature,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import {
  type CSSProperties,
  type KeyboardEvent,
  type MouseEvent,
  memo,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { useTranslation } from "react-i18next";
import { type Row, titleText } from "@/api/records";
import { type Field, type ObjectType, typeOf } from "@/api/schema";
import { Checkbox } from "@/components/ui/checkbox";
import { cx } from "@/components/ui/cx";
import { Skeleton } from "@/components/ui/states";
import { RecordLink } from "@/components/value/record-link";
import { isFigure, Value } from "@/components/value/value";
import { useModel } from "@/state/model";
import { useWords } from "@/state/words";
import { CellEditor } from "./cell-editor";
import { ColumnMenu } from "./column-menu";
import type { Column } from "./columns";

const features = tableFeatures({
  columnSizingFeature,
  columnResizingFeature,
  columnOrderingFeature,
  rowSelectionFeature,
});
const helper = createColumnHelper<typeof features, Row>();

const rowHeight = matchMedia("(pointer: coarse)").matches ? 44 : 36;
const selectWidth = 40;
const narrowest = 70;
const widest = 900;

interface Props {
  object: ObjectType;
  rows: Row[];
  columns: Column[];
  onColumns: (columns: Column[]) => void;
  sort: string[];
  onSort: (sort: string[]) => void;
  selection: RowSelectionState;
  onSelection: (selection: RowSelectionState) => void;
  /** How many rows there are in all, as far as that is known. */
  total: number | undefined;
  more: boolean;
  onEnd: () => void;
  onOpen: (row: Row) => void;
}

/** Types whose values have no order. */
const unsorted = new Set([
  "tags",
  "json",
  "multi_picklist",
  "address",
  "geo",
  "file",
  "image",
  "person_name",
  "long_text",
  "rich_text",
]);

export const canSort = (f: Field): boolean => !unsorted.has(typeOf(f)) && !(f.type === "relation" && !f.target);

/** Types that are not changed in one line of a table. */
const notInline = new Set(["json", "file", "image", "address", "geo", "person_name", "multi_picklist", "rich_text"]);

export const canEditInline = (f: Field): boolean =>
  !f.readOnly && !notInline.has(f.type) && !(f.type === "relation" && !f.target);

/** The next order after a press on a column: rising, falling, none. With more keys it comes behind those that are there. */
export function nextSort(sort: string[], name: string, add: boolean): string[] {
  const others = add ? sort.filter((one) => one !== name && one !== `-${name}`) : [];
  if (sort.includes(name)) return [...others, `-${name}`];
  if (sort.includes(`-${name}`)) return others;
  return [...others, name];
}

/** A table of any length: only the rows that are seen are drawn. */
export function DataGrid(props: Props) {
  const { object, rows, columns, onColumns, sort, onSort, selection, onSelection, total, more, onEnd, onOpen } = props;
  const { t } = useTranslation();
  const model = useModel();
  const scroll = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<{ row: number; column: number }>({ row: 0, column: 0 });
  const [editing, setEditing] = useState<{ id: string; column: string } | null>(null);

  const definitions = useMemo(
    () =>
      helper.columns(
        columns.map((one) =>
          helper.accessor((row: Row) => row[one.name], {
            id: one.name,
            size: one.width,
            minSize: narrowest,
            maxSize: widest,
            header: () => model.field(object.name, one.name)?.label ?? one.name,
            cell: (context: CellContext<typeof features, Row, unknown>) => context.getValue() as string,
          }),
        ),
      ),
    [columns, model, object],
  );
  const table = useTable({
    features,
    columns: definitions,
    data: rows,
    getRowId: (row: Row) => row.id,
    columnResizeMode: "onChange",
    enableRowSelection: true,
    state: { rowSelection: selection },
    onRowSelectionChange: (next) => onSelection(typeof next === "function" ? next(selection) : next),
  });

  // While a column is pulled only these variables change, not the cells.
  const headers = table.getFlatHeaders();
  const sizes: Record<string, string> = {};
  let width = selectWidth;
  for (const [place, header] of headers.entries()) {
    sizes[`--c${place}`] = `${header.getSize()}px`;
    width += header.getSize();
  }
  const resizing = table.state.columnResizing.isResizingColumn;
  const sizing = table.state.columnSizing;
  const wasResizing = useRef(resizing);
  useEffect(() => {
    if (wasResizing.current && !resizing && Object.keys(sizing).length > 0) {
      onColumns(columns.map((one) => ({ ...one, width: Math.round(sizing[one.name] ?? one.width) })));
    }
    wasResizing.current = resizing;
  }, [resizing, sizing, columns, onColumns]);

  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollMargin: 0,
    getItemKey: (at) => rows[at]?.id ?? at,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= rows.length - 40) onEnd();
  }, [more, last, rows.length, onEnd]);

  const focusCell = useCallback(
    (row: number, column: number) => {
      setActive({ row, column });
      virtual.scrollToIndex(row, { align: "auto" });
      requestAnimationFrame(() => {
        const cell = scroll.current?.querySelector<HTMLElement>(`[data-cell="${row}:${column}"]`);
        cell?.focus({ preventScroll: true });
        cell?.scrollIntoView({ block: "nearest", inline: "nearest" });
      });
    },
    [virtual],
  );

  const toggle = useCallback(
    (id: string, on: boolean) => {
      const next = { ...selection };
      if (on) next[id] = true;
      else delete next[id];
      onSelection(next);
    },
    [selection, onSelection],
  );

  const labelOf = useCallback((name: string) => t("list.selectRow", { name }), [t]);
  const edit = useCallback(
    (row: Row, column: string) => {
      const f = model.field(object.name, column);
      if (f && canEditInline(f)) setEditing({ id: row.id, column });
    },
    [model, object],
  );

  const pressed = (event: KeyboardEvent<HTMLDivElement>) => {
    const cell = (event.target as HTMLElement).closest<HTMLElement>("[data-cell]");
    if (!cell || event.target !== cell) return;
    const { row, column } = active;
    const current = rows[row];
    const end = columns.length - 1;
    const page = Math.max(1, Math.floor((scroll.current?.clientHeight ?? 400) / rowHeight) - 2);
    const to = (r: number, c: number) =>
      focusCell(Math.max(0, Math.min(rows.length - 1, r)), Math.max(0, Math.min(end, c)));
    const move = (): (() => void) | undefined => {
      switch (event.key) {
        case "ArrowDown":
          return () => to(row + 1, column);
        case "ArrowUp":
          return () => to(row - 1, column);
        case "ArrowRight":
          return () => to(row, column + 1);
        case "ArrowLeft":
          return () => to(row, column - 1);
        case "PageDown":
          return () => to(row + page, column);
        case "PageUp":
          return () => to(row - page, column);
        case "Home":
          return () => to(event.ctrlKey ? 0 : row, 0);
        case "End":
          return () => to(event.ctrlKey ? rows.length - 1 : row, end);
        case "Enter":
          return () => current && (column === 0 ? onOpen(current) : edit(current, columns[column]?.name ?? ""));
        case "F2":
          return () => current && edit(current, columns[column]?.name ?? "");
        case " ":
          return () => current && toggle(current.id, !selection[current.id]);
        default:
          return undefined;
      }
    };
    const act = move();
    if (!act) return;
    event.preventDefault();
    act();
  };

  const chosen = rows.reduce((sum, row) => sum + (selection[row.id] ? 1 : 0), 0);
  return (
    <div
      ref={scroll}
      role="grid"
      aria-label={object.pluralLabel || object.label}
      aria-rowcount={total === undefined ? -1 : total + 1}
      aria-colcount={columns.length + 1}
      aria-multiselectable="true"
      className="min-h-0 flex-1 overflow-auto [contain:strict]"
      onKeyDown={pressed}
    >
      <div style={{ ...(sizes as CSSProperties), width, minWidth: "100%" }}>
        <div role="row" aria-rowindex={1} className="sticky top-0 z-20 flex h-9 border-b border-line bg-surface">
          <div
            role="columnheader"
            className="sticky start-0 z-10 flex w-10 shrink-0 items-center justify-center bg-surface"
          >
            <Checkbox
              checked={chosen > 0 && chosen === rows.length}
              some={chosen > 0 && chosen < rows.length}
              label={t("list.selectAll")}
              onChange={(on) => onSelection(on ? Object.fromEntries(rows.map((row) => [row.id, true])) : {})}
            />
          </div>
          {headers.map((header, place) => {
            const f = model.field(object.name, header.column.id);
            if (!f) return null;
            const direction = sort.includes(f.name)
              ? "ascending"
              : sort.includes(`-${f.name}`)
                ? "descending"
                : undefined;
            return (
              <div
                key={header.id}
                role="columnheader"
                aria-sort={direction ?? (canSort(f) ? "none" : undefined)}
                style={{ width: `var(--c${place})` }}
                className={cx(
                  "group relative flex shrink-0 items-center",
                  place === 0 && "bg-surface lg:sticky lg:start-10 lg:z-10",
                )}
              >
                <ColumnMenu
                  object={object}
                  field={f}
                  place={place}
                  columns={columns}
                  onColumns={onColumns}
                  direction={direction}
                  onSort={(next) => onSort(next)}
                  onPress={(event: MouseEvent) => onSort(nextSort(sort, f.name, event.shiftKey))}
                  sortable={canSort(f)}
                >
                  <span className={cx("min-w-0 flex-1 truncate", isFigure(typeOf(f)) ? "text-end" : "text-start")}>
                    {f.label}
                  </span>
                  {direction === "ascending" && <ArrowUp className="size-3.5 shrink-0 text-accent-ink" aria-hidden />}
                  {direction === "descending" && (
                    <ArrowDown className="size-3.5 shrink-0 text-accent-ink" aria-hidden />
                  )}
                </ColumnMenu>
                <div
                  aria-hidden
                  onMouseDown={header.getResizeHandler()}
                  onTouchStart={header.getResizeHandler()}
                  className={cx(
                    "absolute inset-y-1.5 -end-1 z-10 w-2 cursor-col-resize touch-none select-none after:absolute after:inset-y-0 after:start-1/2 after:w-px after:bg-line hover:after:w-0.5 hover:after:bg-accent",
                    resizing === header.column.id && "after:w-0.5! after:bg-accent!",
                  )}
                />
              </div>
            );
          })}
        </div>
        <div style={{ height: virtual.getTotalSize() }} className="relative" role="presentation">
          {items.map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <GridRow
                key={item.key}
                object={object}
                row={row}
                at={item.index}
                start={item.start}
                columns={columns}
                selected={selection[row.id] === true}
                active={active.row === item.index ? active.column : -1}
                editing={editing?.id === row.id ? editing.column : null}
                labelOf={labelOf}
                onToggle={toggle}
                onActive={setActive}
                onEdit={edit}
                onEdited={(back) => {
                  setEditing(null);
                  if (back) focusCell(active.row, active.column);
                }}
              />
            );
          })}
        </div>
        {more && (
          <div className="space-y-3 p-3" aria-hidden>
            <Skeleton className="h-4 w-2/3" />
            <Skeleton className="h-4 w-1/2" />
          </div>
        )}
      </div>
    </div>
  );
}

interface RowProps {
  object: ObjectType;
  row: Row;
  at: number;
  start: number;
  columns: Column[];
  selected: boolean;
  active: number;
  editing: string | null;
  /** The words of the box that selects the row. */
  labelOf: (name: string) => string;
  onToggle: (id: string, on: boolean) => void;
  onActive: (cell: { row: number; column: number }) => void;
  onEdit: (row: Row, column: string) => void;
  onEdited: (back: boolean) => void;
}

const sameRow = (a: RowProps, b: RowProps): boolean =>
  a.row === b.row &&
  a.at === b.at &&
  a.start === b.start &&
  a.columns === b.columns &&
  a.selected === b.selected &&
  a.active === b.active &&
  a.editing === b.editing &&
  a.labelOf === b.labelOf &&
  a.onToggle === b.onToggle &&
  a.onEdit === b.onEdit &&
  a.object === b.object;

const GridRow = memo(function GridRow({
  object,
  row,
  at,
  start,
  columns,
  selected,
  active,
  editing,
  labelOf,
  onToggle,
  onActive,
  onEdit,
  onEdited,
}: RowProps) {
  const words = useWords();
  const model = useModel();
  const name = titleText(object, row[object.title]) || words.untitled;
  return (
    <div
      role="row"
      aria-rowindex={at + 2}
      aria-selected={selected}
      style={{ height: rowHeight, transform: `translateY(${start}px)` }}
      className={cx(
        "group absolute inset-x-0 top-0 flex border-b border-line",
        selected ? "bg-accent-soft" : "bg-surface hover:bg-hover",
      )}
    >
      <div role="gridcell" className="sticky start-0 z-10 flex w-10 shrink-0 items-center justify-center bg-inherit">
        <input
          type="checkbox"
          checked={selected}
          aria-label={labelOf(name)}
          tabIndex={-1}
          onChange={(event) => onToggle(row.id, event.target.checked)}
          className="size-4 accent-accent"
        />
      </div>
      {columns.map((one, place) => {
        const f = model.field(object.name, one.name);
        if (!f) return null;
        const isTitle = one.name === object.title;
        const editable = canEditInline(f);
        return (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the grid hears the keys
          <div
            key={one.name}
            role="gridcell"
            aria-colindex={place + 2}
            aria-readonly={editable ? undefined : true}
            tabIndex={active === place ? 0 : -1}
            data-cell={`${at}:${place}`}
            style={{ width: `var(--c${place})` }}
            onClick={(event) => {
              onActive({ row: at, column: place });
              if (event.target === event.currentTarget) event.currentTarget.focus({ preventScroll: true });
            }}
            onDoubleClick={() => onEdit(row, one.name)}
            className={cx(
              "relative flex shrink-0 items-center px-2.5 outline-none focus-visible:shadow-[inset_0_0_0_2px_var(--accent)]",
              place === 0 && "bg-inherit lg:sticky lg:start-10 lg:z-10",
              isFigure(typeOf(f)) && "justify-end",
            )}
          >
            {editing === one.name ? (
              <CellEditor object={object} field={f} row={row} onDone={onEdited} />
            ) : isTitle ? (
              <span className="min-w-0 truncate font-medium">
                <RecordLink object={object.name} id={row.id} title={name} />
              </span>
            ) : (
              <span className="flex min-w-0 overflow-hidden">
                <Value object={object.name} field={f} value={row[one.name]} record={row} line />
              </span>
            )}
          </div>
        );
      })}
    </div>
  );
}, sameRow);
