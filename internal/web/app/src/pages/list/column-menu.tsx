import { ArrowDown, ArrowLeft, ArrowRight, ArrowUp, ArrowUpDown, EyeOff, MoreVertical, Plus, X } from "lucide-react";
import type { MouseEvent, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Field, ObjectType } from "@/api/schema";
import { IconButton } from "@/components/ui/button";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import type { Column } from "./columns";

interface Props {
  object: ObjectType;
  field: Field;
  place: number;
  columns: Column[];
  onColumns: (columns: Column[]) => void;
  direction: "ascending" | "descending" | undefined;
  sortable: boolean;
  onSort: (sort: string[]) => void;
  onPress: (event: MouseEvent) => void;
  children: ReactNode;
}

const step = 40;

/** The head of a column: pressed it sorts; its menu does all that a mouse can do, for the keyboard too. */
export function ColumnMenu({
  field: f,
  place,
  columns,
  onColumns,
  direction,
  sortable,
  onSort,
  onPress,
  children,
}: Props) {
  const { t } = useTranslation();
  const move = (by: number) => {
    const next = [...columns];
    const [one] = next.splice(place, 1);
    if (one) next.splice(place + by, 0, one);
    onColumns(next);
  };
  const widen = (by: number) =>
    onColumns(
      columns.map((one, at) => (at === place ? { ...one, width: Math.max(80, Math.min(900, one.width + by)) } : one)),
    );
  return (
    <>
      <button
        type="button"
        disabled={!sortable}
        onClick={onPress}
        className="flex h-full min-w-0 flex-1 items-center gap-1 px-2.5 text-xs font-medium text-ink-2 enabled:hover:text-ink"
      >
        {children}
      </button>
      <span className="absolute end-1.5 rounded-md bg-surface opacity-0 transition-opacity group-hover:opacity-100 focus-within:opacity-100 has-data-popup-open:opacity-100">
        <Menu
          align="end"
          trigger={
            <IconButton
              label={t("list.columnMenu", { column: f.label })}
              hint={false}
              className="size-6! [&_svg]:size-3.5!"
            >
              <MoreVertical aria-hidden />
            </IconButton>
          }
        >
          {sortable && (
            <>
              <MenuItem icon={<ArrowUp aria-hidden />} onClick={() => onSort([f.name])}>
                {t("list.asc")}
              </MenuItem>
              <MenuItem icon={<ArrowDown aria-hidden />} onClick={() => onSort([`-${f.name}`])}>
                {t("list.desc")}
              </MenuItem>
              {direction && (
                <MenuItem icon={<ArrowUpDown aria-hidden />} onClick={() => onSort([])}>
                  {t("list.noSort")}
                </MenuItem>
              )}
              <MenuSeparator />
            </>
          )}
          {place > 0 && (
            <MenuItem icon={<ArrowLeft className="rtl:-scale-x-100" aria-hidden />} onClick={() => move(-1)}>
              {t("list.moveLeft")}
            </MenuItem>
          )}
          {place < columns.length - 1 && (
            <MenuItem icon={<ArrowRight className="rtl:-scale-x-100" aria-hidden />} onClick={() => move(1)}>
              {t("list.moveRight")}
            </MenuItem>
          )}
          <MenuItem icon={<Plus aria-hidden />} onClick={() => widen(step)}>
            {t("list.wider")}
          </MenuItem>
          <MenuItem icon={<X aria-hidden />} onClick={() => widen(-step)}>
            {t("list.narrower")}
          </MenuItem>
          {columns.length > 1 && (
            <>
              <MenuSeparator />
              <MenuItem
                icon={<EyeOff aria-hidden />}
                onClick={() => onColumns(columns.filter((_, at) => at !== place))}
              >
                {t("list.hide")}
              </MenuItem>
            </>
          )}
        </Menu>
      </span>
    </>
  );
}
