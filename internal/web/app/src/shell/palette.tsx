import { Autocomplete } from "@base-ui/react/autocomplete";
import { Dialog } from "@base-ui/react/dialog";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { CornerDownLeft, History, LogOut, Moon, Plus, Search, SquareKanban } from "lucide-react";
import { type ReactNode, useDeferredValue, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { search, titleText } from "@/api/records";
import { plural } from "@/api/schema";
import { useModel } from "@/state/model";
import { creating, paletteOpen, recentlyVisited } from "@/state/overlays";
import { useStore } from "@/state/store";
import { useTheme } from "@/state/theme";
import { ObjectIcon } from "./object-icon";
import { signOut } from "./sign-out";

interface Entry {
  key: string;
  group: string;
  label: string;
  note?: string;
  icon: ReactNode;
  run: () => void;
}

/** Opens on Ctrl+K, and on "/" where nobody types. */
export function useShortcuts(): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]");
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        paletteOpen.set(!paletteOpen.get());
      } else if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        paletteOpen.set(true);
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

function useEntries(text: string): { entries: Entry[]; complete: boolean; searching: boolean } {
  const { t } = useTranslation();
  const model = useModel();
  const navigate = useNavigate();
  const [, setTheme] = useTheme();
  const wanted = text.trim();
  const asked = useDeferredValue(wanted);
  const found = useQuery({
    queryKey: ["search", asked],
    queryFn: ({ signal }) => search(asked, [], 12, signal),
    enabled: asked.length > 0,
    placeholderData: (previous) => previous,
    staleTime: 5_000,
  });
  const entries = useMemo(() => {
    const all: Entry[] = [];
    const small = wanted.toLowerCase();
    const fits = (...names: string[]) => small === "" || names.some((name) => name.toLowerCase().includes(small));
    const toRecord = (object: string, id: string) => () =>
      void navigate({ to: "/o/$object/$id", params: { object, id } });
    if (wanted === "") {
      for (const one of recentlyVisited()) {
        all.push({
          key: `recent ${one.id}`,
          group: t("palette.recent"),
          label: one.title || t("record.untitled"),
          note: model.object(one.object)?.label ?? one.object,
          icon: <History aria-hidden />,
          run: toRecord(one.object, one.id),
        });
      }
    } else {
      for (const hit of found.data?.items ?? []) {
        const object = model.object(hit.object);
        const matched = hit.matched.find((one) => one.snippet !== hit.title);
        all.push({
          key: `record ${hit.id}`,
          group: t("palette.records"),
          label: titleText(object, hit.title) || `#${hit.number}`,
          note: [object?.label ?? hit.object, matched?.snippet].filter(Boolean).join(" · "),
          icon: <ObjectIcon name={hit.object} />,
          run: toRecord(hit.object, hit.id),
        });
      }
    }
    for (const object of model.schema.objects) {
      if (!fits(object.label, plural(object), object.name)) continue;
      all.push({
        key: `object ${object.name}`,
        group: t("palette.objects"),
        label: plural(object),
        icon: <ObjectIcon name={object.name} />,
        run: () => void navigate({ to: "/o/$object", params: { object: object.name } }),
      });
    }
    if (wanted !== "") {
      for (const object of model.schema.objects) {
        const created = t("palette.create", { object: object.label });
        if (fits(created, object.name)) {
          all.push({
            key: `new ${object.name}`,
            group: t("palette.actions"),
            label: created,
            icon: <Plus aria-hidden />,
            run: () => creating.set({ object: object.name }),
          });
        }
        const board = t("palette.board", { object: plural(object) });
        if (model.pipeline(object.name) && fits(board, object.name)) {
          all.push({
            key: `board ${object.name}`,
            group: t("palette.actions"),
            label: board,
            icon: <SquareKanban aria-hidden />,
            run: () => void navigate({ to: "/o/$object/board", params: { object: object.name } }),
          });
        }
      }
    }
    if (fits(t("palette.switchTheme"), "theme dark light")) {
      all.push({
        key: "theme",
        group: t("palette.actions"),
        label: t("palette.switchTheme"),
        icon: <Moon aria-hidden />,
        run: () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
      });
    }
    if (fits(t("app.signOut"), "logout")) {
      all.push({
        key: "out",
        group: t("palette.actions"),
        label: t("app.signOut"),
        icon: <LogOut aria-hidden />,
        run: () => void signOut(),
      });
    }
    return all;
  }, [wanted, found.data, model, navigate, setTheme, t]);
  return { entries, complete: found.data?.complete ?? true, searching: found.isFetching };
}

function Results({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const { entries, complete, searching } = useEntries(text);
  const groups = useMemo(() => {
    const named = new Map<string, Entry[]>();
    for (const entry of entries) named.set(entry.group, [...(named.get(entry.group) ?? []), entry]);
    return [...named].map(([value, items]) => ({ value, items: items.slice(0, 12) }));
  }, [entries]);
  return (
    <Autocomplete.Root
      items={groups}
      value={text}
      onValueChange={setText}
      mode="none"
      filter={null}
      open
      inline
      autoHighlight="always"
      itemToStringValue={(entry: Entry) => entry.label}
    >
      <div className="flex h-12 items-center gap-3 border-b border-line px-4">
        <Search className="size-4 shrink-0 text-ink-3" aria-hidden />
        <Autocomplete.Input
          aria-label={t("palette.title")}
          placeholder={t("palette.placeholder")}
          className="h-full min-w-0 flex-1 bg-transparent text-base outline-none"
        />
      </div>
      <Autocomplete.List className="max-h-[min(60dvh,26rem)] overflow-y-auto scroll-py-2 p-1.5 empty:hidden">
        {(group: { value: string; items: Entry[] }) => (
          <Autocomplete.Group key={group.value} items={group.items} className="pb-1">
            <Autocomplete.GroupLabel className="px-2 pt-2 pb-1 text-2xs font-medium text-ink-3">
              {group.value}
            </Autocomplete.GroupLabel>
            <Autocomplete.Collection>
              {(entry: Entry) => (
                <Autocomplete.Item
                  key={entry.key}
                  value={entry}
                  className="item group h-9"
                  onClick={() => {
                    onDone();
                    entry.run();
                  }}
                >
                  <span className="text-ink-3 [&_svg]:size-4">{entry.icon}</span>
                  <span className="truncate">{entry.label}</span>
                  {entry.note && <span className="min-w-0 flex-1 truncate text-xs text-ink-3">{entry.note}</span>}
                  <CornerDownLeft
                    className="ms-auto hidden size-3.5 shrink-0 text-ink-3 group-data-highlighted:block"
                    aria-hidden
                  />
                </Autocomplete.Item>
              )}
            </Autocomplete.Collection>
          </Autocomplete.Group>
        )}
      </Autocomplete.List>
      {entries.length === 0 && !searching && (
        <p className="px-4 py-8 text-center text-ink-3">{t("palette.nothing", { text })}</p>
      )}
      {!complete && <p className="border-t border-line px-4 py-2 text-xs text-ink-3">{t("palette.incomplete")}</p>}
    </Autocomplete.Root>
  );
}

/** One line to search everything, to jump anywhere and to begin anything. */
export function Palette() {
  const { t } = useTranslation();
  const open = useStore(paletteOpen);
  return (
    <Dialog.Root open={open} onOpenChange={(next) => paletteOpen.set(next)}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop z-50" />
        <Dialog.Popup className="fixed top-[12dvh] left-1/2 z-50 w-[calc(100vw-1.5rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-xl bg-raised shadow-float outline-none transition duration-100 data-ending-style:opacity-0 data-starting-style:opacity-0">
          <Dialog.Title className="sr-only">{t("palette.title")}</Dialog.Title>
          <Results onDone={() => paletteOpen.set(false)} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
