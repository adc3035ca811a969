import { Columns3 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { isCompanion, type ObjectType, typeOf } from "@/api/schema";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Popover } from "@/components/ui/popover";
import { columnsOf } from "@/format/facts";
import { type Column, firstWidth } from "./columns";

interface Props {
  object: ObjectType;
  columns: Column[];
  onColumns: (columns: Column[]) => void;
  onReset: () => void;
}

/** Which fields a list shows. */
export function ColumnsPopover({ object, columns, onColumns, onReset }: Props) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const wanted = text.trim().toLowerCase();
  const fields = columnsOf(object).filter(
    (f) => !isCompanion(object, f) && `${f.label} ${f.name}`.toLowerCase().includes(wanted),
  );
  const shown = new Set(columns.map((one) => one.name));
  return (
    <Popover
      title={t("list.chooseColumns")}
      align="end"
      className="flex w-72 flex-col p-0!"
      trigger={
        <Button tone="quiet" aria-label={t("list.columns")}>
          <Columns3 aria-hidden />
          <span className="hidden xl:inline">{t("list.columns")}</span>
        </Button>
      }
    >
      <div className="border-b border-line p-2">
        <input
          type="search"
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder={t("list.findField")}
          aria-label={t("list.findField")}
          className="control"
        />
      </div>
      <ul className="max-h-80 overflow-y-auto p-1">
        {fields.map((f) => (
          <li key={f.name}>
            {/* biome-ignore lint/a11y/noLabelWithoutControl: the checkbox is inside */}
            <label className="flex min-h-8 items-center gap-2.5 rounded-md px-2 hover:bg-hover">
              <Checkbox
                checked={shown.has(f.name)}
                disabled={shown.has(f.name) && columns.length === 1}
                onChange={(on) =>
                  onColumns(
                    on
                      ? [...columns, { name: f.name, width: firstWidth(typeOf(f), f.name === object.title) }]
                      : columns.filter((one) => one.name !== f.name),
                  )
                }
              />
              <span className="min-w-0 flex-1 truncate">{f.label}</span>
              {f.custom && <span className="text-2xs text-ink-3">{t("configuration.custom")}</span>}
            </label>
          </li>
        ))}
      </ul>
      <div className="border-t border-line p-1.5">
        <Button tone="quiet" onClick={onReset}>
          {t("list.reset")}
        </Button>
      </div>
    </Popover>
  );
}
