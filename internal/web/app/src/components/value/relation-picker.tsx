import { Combobox } from "@base-ui/react/combobox";
import { useQuery } from "@tanstack/react-query";
import { ChevronsUpDown, X } from "lucide-react";
import { useDeferredValue, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { linked, list, type Row, search, titleText, type Value } from "@/api/records";
import type { Model, Part } from "@/api/schema";
import { cx } from "@/components/ui/cx";
import { useModel } from "@/state/model";

interface Props {
  field: Part;
  value: Value;
  onChange: (value: Value) => void;
  id?: string | undefined;
  label?: string | undefined;
  describedBy?: string | undefined;
  invalid?: boolean;
  disabled?: boolean;
  autoFocus?: boolean;
}

interface Candidate {
  object: string;
  id: string;
  title: string;
}

const offered = 12;

/** Records that fit what was typed; without a text those that were changed last. */
function useCandidates(model: Model, targets: string[], text: string, open: boolean) {
  const asked = useDeferredValue(text.trim());
  return useQuery<Candidate[]>({
    queryKey: ["candidates", targets, asked],
    enabled: open,
    placeholderData: (previous) => previous,
    queryFn: async ({ signal }): Promise<Candidate[]> => {
      if (asked !== "") {
        const found = await search(asked, targets, offered, signal);
        return found.items.map((hit) => ({
          object: hit.object,
          id: hit.id,
          title: titleText(model.object(hit.object), hit.title) || `#${hit.number}`,
        }));
      }
      const target = targets.length === 1 ? model.object(targets[0] as string) : undefined;
      if (!target) return [];
      const page = await list(
        target.name,
        { sort: ["-updated_at"], fields: ["id", target.title], limit: offered },
        signal,
      );
      return page.items.map((row) => ({
        object: target.name,
        id: row.id,
        title: titleText(target, row[target.title]) || row.id,
      }));
    },
  });
}

function chosenOf(model: Model, f: Part, value: Value): Candidate | null {
  if (value === null || value === undefined || value === "") return null;
  const record = typeof value === "object" ? (value as Row) : undefined;
  const object = f.target ?? (typeof record?.object === "string" ? record.object : "");
  const found = linked(model, object, value);
  return found ? { object, id: found.id, title: found.title } : null;
}

/** Chooses a record of another object by searching for it. */
export function RelationPicker({
  field: f,
  value,
  onChange,
  id,
  label,
  describedBy,
  invalid,
  disabled,
  autoFocus,
}: Props) {
  const { t } = useTranslation();
  const model = useModel();
  const targets = useMemo(() => (f.target ? [f.target] : (f.targets ?? [])), [f]);
  const [text, setText] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  // What was chosen here is shown by its name, although the record holds its id alone.
  const [picked, setPicked] = useState<Candidate | null>(null);
  const given = chosenOf(model, f, value);
  const named = useQuery({
    queryKey: ["title", given?.object, given?.id],
    enabled: given !== null && given.title === "" && picked?.id !== given.id && given.object !== "",
    staleTime: 60_000,
    queryFn: async ({ signal }) => {
      const target = model.object(given?.object ?? "");
      const page = await list(
        given?.object ?? "",
        { filter: `id == ${JSON.stringify(given?.id)}`, fields: ["id", target?.title ?? "number"], limit: 1 },
        signal,
      );
      return titleText(target, page.items[0]?.[target?.title ?? "number"]);
    },
  });
  const chosen =
    given && picked?.id === given.id ? picked : given && { ...given, title: given.title || named.data || "" };
  const found = useCandidates(model, targets, text ?? "", open);
  const target = f.target ? model.object(f.target) : undefined;
  return (
    <Combobox.Root
      items={found.data ?? []}
      filter={null}
      value={chosen}
      onValueChange={(next: Candidate | null) => {
        setPicked(next);
        setText(null);
        onChange(next ? (f.target ? next.id : { object: next.object, id: next.id }) : null);
      }}
      open={open}
      onOpenChange={(next) => {
        setOpen(next);
        if (!next) setText(null);
      }}
      inputValue={text ?? chosen?.title ?? ""}
      onInputValueChange={(next, details) => {
        if (details.reason === "input-change" || details.reason === "input-clear") setText(next);
      }}
      isItemEqualToValue={(a: Candidate, b: Candidate) => a.id === b.id}
      itemToStringLabel={(one: Candidate) => one.title}
      disabled={disabled ?? false}
      autoHighlight
    >
      <Combobox.InputGroup className="control flex items-center gap-1 pe-1!">
        <Combobox.Input
          id={id}
          aria-label={label}
          aria-describedby={describedBy}
          aria-invalid={invalid ? true : undefined}
          autoFocus={autoFocus}
          placeholder={t("record.searchTarget", { object: target?.label ?? f.label })}
          className="h-full min-w-0 flex-1 bg-transparent outline-none"
        />
        {chosen && (
          <Combobox.Clear
            aria-label={t("record.clearValue")}
            className="rounded-sm p-1 text-ink-3 hover:bg-hover hover:text-ink"
          >
            <X className="size-3.5" aria-hidden />
          </Combobox.Clear>
        )}
        <Combobox.Trigger
          aria-label={t("record.choose")}
          className="rounded-sm p-1 text-ink-3 hover:bg-hover hover:text-ink"
        >
          <ChevronsUpDown className="size-3.5" aria-hidden />
        </Combobox.Trigger>
      </Combobox.InputGroup>
      <Combobox.Portal>
        <Combobox.Positioner sideOffset={4} className="z-50 outline-none">
          <Combobox.Popup className="popup max-h-[min(var(--available-height),18rem)] w-[max(var(--anchor-width),14rem)] overflow-y-auto p-1">
            <Combobox.Empty className="px-2 py-4 text-center text-ink-3 empty:hidden">
              {found.isFetching
                ? t("common.loading")
                : (text ?? "") === ""
                  ? t("palette.start")
                  : t("palette.nothing", { text })}
            </Combobox.Empty>
            <Combobox.List>
              {(one: Candidate) => (
                <Combobox.Item key={one.id} value={one} className={cx("item", one.id === chosen?.id && "font-medium")}>
                  <span className="min-w-0 flex-1 truncate">{one.title}</span>
                  {targets.length > 1 && <span className="text-xs text-ink-3">{model.object(one.object)?.label}</span>}
                </Combobox.Item>
              )}
            </Combobox.List>
          </Combobox.Popup>
        </Combobox.Positioner>
      </Combobox.Portal>
    </Combobox.Root>
  );
}
