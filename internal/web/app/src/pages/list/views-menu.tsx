import { useMutation, useQuery } from "@tanstack/react-query";
import { Bookmark, BookmarkPlus, Check, Save, Trash2, TriangleAlert, Users } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import type { ObjectType } from "@/api/schema";
import { changeView, createView, listViews, removeView, type View, type ViewContents } from "@/api/views";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Modal } from "@/components/ui/dialog";
import { Menu, MenuItem, MenuLabel, MenuSeparator } from "@/components/ui/menu";
import { notify } from "@/components/ui/toast";
import { explain } from "@/i18n/explain";

interface Props {
  object: ObjectType;
  /** The view that is open; what is shown may have gone on since. */
  open: string | undefined;
  contents: ViewContents;
  onOpen: (view: View | null) => void;
}

const longestName = 100;

/** What of a list people keep under a name, for themselves or for everybody. */
export function ViewsMenu({ object, open, contents, onOpen }: Props) {
  const { t } = useTranslation();
  const [saving, setSaving] = useState(false);
  const views = useQuery({
    queryKey: ["views", object.name],
    queryFn: ({ signal }) => listViews(object.name, signal),
    staleTime: 30_000,
  });
  const again = () => queries.invalidateQueries({ queryKey: ["views", object.name] });
  const failed = (error: unknown) => notify({ title: explain(error), failed: true });
  const keep = useMutation({
    mutationFn: (one: View) => changeView(one, contents),
    onSuccess: async () => {
      await again();
      notify({ title: t("views.saved") });
    },
    onError: failed,
  });
  const drop = useMutation({
    mutationFn: removeView,
    onSuccess: async () => {
      onOpen(null);
      await again();
    },
    onError: failed,
  });
  const all = (views.data?.items ?? [])
    .filter((one) => one.kind === "list")
    .sort((a, b) => a.name.localeCompare(b.name));
  const now = all.find((one) => one.id === open);
  const groups = [
    { title: t("views.own"), items: all.filter((one) => !one.shared) },
    { title: t("views.ofOthers"), items: all.filter((one) => one.shared) },
  ];
  return (
    <>
      <Menu
        trigger={
          <Button
            tone="quiet"
            aria-label={`${t("list.views")}: ${now?.name ?? t("views.everything")}`}
            className="max-w-48 min-w-0"
          >
            <Bookmark aria-hidden />
            <span className="truncate max-sm:hidden">{now?.name ?? t("views.everything")}</span>
          </Button>
        }
      >
        <MenuItem icon={now ? undefined : <Check aria-hidden />} onClick={() => onOpen(null)}>
          {t("views.everything")}
        </MenuItem>
        {groups.map(
          (group) =>
            group.items.length > 0 && (
              <div key={group.title} role="group" aria-label={group.title}>
                <MenuLabel>{group.title}</MenuLabel>
                {group.items.map((one) => (
                  <MenuItem
                    key={one.id}
                    icon={
                      one.id === open ? (
                        <Check aria-hidden />
                      ) : (one.problems?.length ?? 0) > 0 ? (
                        <TriangleAlert aria-hidden />
                      ) : one.shared ? (
                        <Users aria-hidden />
                      ) : undefined
                    }
                    onClick={() => onOpen(one)}
                  >
                    {one.name}
                  </MenuItem>
                ))}
              </div>
            ),
        )}
        <MenuSeparator />
        {now?.mayChange && (
          <MenuItem icon={<Save aria-hidden />} onClick={() => keep.mutate(now)}>
            {t("views.saveChanges")}
          </MenuItem>
        )}
        <MenuItem icon={<BookmarkPlus aria-hidden />} onClick={() => setSaving(true)}>
          {t("views.save")}
        </MenuItem>
        {now?.mayChange && (
          <MenuItem danger icon={<Trash2 aria-hidden />} onClick={() => drop.mutate(now)}>
            {t("views.delete")}
          </MenuItem>
        )}
      </Menu>
      {saving && (
        <SaveView
          object={object}
          contents={contents}
          onClose={() => setSaving(false)}
          onSaved={(made) => {
            setSaving(false);
            void again();
            onOpen(made);
            notify({ title: t("views.saved") });
          }}
        />
      )}
    </>
  );
}

function SaveView({
  object,
  contents,
  onClose,
  onSaved,
}: {
  object: ObjectType;
  contents: ViewContents;
  onClose: () => void;
  onSaved: (view: View) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const make = useMutation({
    mutationFn: () => createView(object.name, name.trim(), shared, contents),
    onSuccess: onSaved,
  });
  return (
    <Modal
      open
      onOpenChange={onClose}
      title={t("views.save")}
      footer={
        <>
          <Button onClick={onClose}>{t("record.cancel")}</Button>
          <Button tone="accent" disabled={name.trim() === "" || make.isPending} onClick={() => make.mutate()}>
            {t("record.save")}
          </Button>
        </>
      }
    >
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== "") make.mutate();
        }}
      >
        <div>
          <label htmlFor={id} className="mb-1 block font-medium">
            {t("views.name")}
          </label>
          <input
            id={id}
            value={name}
            maxLength={longestName}
            onChange={(event) => setName(event.target.value)}
            className="control"
            autoComplete="off"
          />
        </div>
        {/* biome-ignore lint/a11y/noLabelWithoutControl: the checkbox is inside */}
        <label className="flex items-center gap-2.5">
          <Checkbox checked={shared} onChange={setShared} />
          {t("views.shared")}
        </label>
        {make.error && (
          <p role="alert" className="text-danger">
            {explain(make.error)}
          </p>
        )}
      </form>
    </Modal>
  );
}
