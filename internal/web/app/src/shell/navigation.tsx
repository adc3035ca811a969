import { Link, useRouterState } from "@tanstack/react-router";
import { ChevronRight, ChevronsUpDown, House, ListTodo, LogOut, Search, Settings2, X } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type ObjectType, plural } from "@/api/schema";
import { Avatar, initials } from "@/components/ui/avatar";
import { IconButton } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { Kbd } from "@/components/ui/kbd";
import { Menu, MenuChoice, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { chooseLanguage, type Language, languages } from "@/i18n";
import { useModel } from "@/state/model";
import { navigationOpen, paletteOpen } from "@/state/overlays";
import { usePreference } from "@/state/preferences";
import { useStore } from "@/state/store";
import { type Theme, useTheme } from "@/state/theme";
import { groupsOf, otherObjects } from "./groups";
import { ObjectIcon } from "./object-icon";
import { signOut } from "./sign-out";

const line =
  "flex h-7 items-center gap-2 rounded-md px-2 text-ink-2 transition-colors hover:bg-hover hover:text-ink pointer-coarse:h-10 [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-ink-3";
const here = "bg-active! text-ink! font-medium [&_svg]:text-accent-ink!";

export const modifier = /Mac|iP(hone|ad)/.test(navigator.platform) ? "⌘" : "Ctrl";

function ObjectLink({ object }: { object: ObjectType }) {
  return (
    <Link to="/o/$object" params={{ object: object.name }} className={line} activeProps={{ className: here }}>
      <ObjectIcon name={object.name} />
      <span className="truncate">{plural(object)}</span>
    </Link>
  );
}

function Group({
  name,
  title,
  objects,
  open = true,
}: {
  name: string;
  title: string;
  objects: ObjectType[];
  open?: boolean;
}) {
  const [expanded, setExpanded] = usePreference(`nav.${name}`, open);
  return (
    <div>
      <button
        type="button"
        aria-expanded={expanded}
        onClick={() => setExpanded(!expanded)}
        className="flex h-7 w-full items-center gap-1 rounded-md px-2 text-xs font-medium text-ink-3 hover:text-ink"
      >
        <span className="truncate">{title}</span>
        <ChevronRight
          className={cx("size-3 transition-transform rtl:-scale-x-100", expanded && "rotate-90")}
          aria-hidden
        />
      </button>
      {expanded && (
        <ul className="space-y-px">
          {objects.map((object) => (
            <li key={object.name}>
              <ObjectLink object={object} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Others({ objects }: { objects: ObjectType[] }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [expanded, setExpanded] = usePreference("nav.others", false);
  const wanted = text.trim().toLowerCase();
  const shown = objects.filter((one) => `${plural(one)} ${one.name}`.toLowerCase().includes(wanted));
  return (
    <div>
      <button
        type="button"
        aria-expanded={expanded}
        onClick={() => setExpanded(!expanded)}
        className="flex h-7 w-full items-center gap-1 rounded-md px-2 text-xs font-medium text-ink-3 hover:text-ink"
      >
        <span className="truncate">{t("groups.other")}</span>
        <ChevronRight
          className={cx("size-3 transition-transform rtl:-scale-x-100", expanded && "rotate-90")}
          aria-hidden
        />
      </button>
      {expanded && (
        <>
          <input
            type="search"
            value={text}
            onChange={(event) => setText(event.target.value)}
            placeholder={t("nav.filterObjects")}
            aria-label={t("nav.filterObjects")}
            className="control my-1 h-7! min-h-0! shadow-none!"
          />
          <ul className="space-y-px">
            {shown.map((object) => (
              <li key={object.name}>
                <ObjectLink object={object} />
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Account() {
  const { t, i18n } = useTranslation();
  const { user } = useModel().schema;
  const [theme, setTheme] = useTheme();
  return (
    <Menu
      side="top"
      trigger={
        <button
          type="button"
          className="flex h-10 w-full items-center gap-2 rounded-md px-2 text-start hover:bg-hover data-popup-open:bg-active"
        >
          <Avatar name={user.name} className="size-6 text-2xs!" />
          <span className="min-w-0 flex-1">
            <span className="block truncate text-sm leading-4 font-medium">{user.name}</span>
            <span className="block truncate text-2xs leading-4 text-ink-3">{user.email}</span>
          </span>
          <ChevronsUpDown className="size-3.5 shrink-0 text-ink-3" aria-hidden />
        </button>
      }
    >
      <MenuChoice<Language>
        label={t("nav.language")}
        value={i18n.language as Language}
        choices={Object.entries(languages).map(([value, label]) => ({ value: value as Language, label }))}
        onChange={(language) => void chooseLanguage(language)}
      />
      <MenuSeparator />
      <MenuChoice<Theme>
        label={t("nav.theme")}
        value={theme}
        choices={[
          { value: "light", label: t("nav.light") },
          { value: "dark", label: t("nav.dark") },
          { value: "system", label: t("nav.system") },
        ]}
        onChange={setTheme}
      />
      <MenuSeparator />
      <MenuItem icon={<LogOut aria-hidden />} onClick={() => void signOut()}>
        {t("app.signOut")}
      </MenuItem>
    </Menu>
  );
}

function Contents() {
  const { t } = useTranslation();
  const model = useModel();
  const { organisation } = model.schema;
  return (
    <>
      <div className="flex h-12 shrink-0 items-center gap-2.5 px-4">
        <span
          aria-hidden
          className="flex size-6 shrink-0 items-center justify-center rounded-md bg-accent text-2xs font-semibold text-on-accent"
        >
          {initials(organisation.displayName).slice(0, 1)}
        </span>
        <span className="truncate text-sm font-semibold" title={organisation.displayName}>
          {organisation.displayName}
        </span>
      </div>
      <div className="px-2 pb-1">
        <button
          type="button"
          onClick={() => paletteOpen.set(true)}
          className="flex h-8 w-full items-center gap-2 rounded-md border border-line-strong bg-surface px-2 text-ink-3 shadow-card transition-colors hover:text-ink"
        >
          <Search className="size-4" aria-hidden />
          <span className="flex-1 text-start">{t("nav.search")}</span>
          <span aria-hidden className="flex gap-0.5">
            <Kbd>{modifier}</Kbd>
            <Kbd>K</Kbd>
          </span>
        </button>
      </div>
      <nav aria-label={t("nav.main")} className="min-h-0 flex-1 space-y-3 overflow-y-auto px-2 py-2">
        <ul className="space-y-px">
          <li>
            <Link to="/" className={line} activeOptions={{ exact: true }} activeProps={{ className: here }}>
              <House aria-hidden />
              <span className="truncate">{t("nav.home")}</span>
            </Link>
          </li>
          <li>
            <Link to="/jobs" className={line} activeProps={{ className: here }}>
              <ListTodo aria-hidden />
              <span className="truncate">{t("nav.jobs")}</span>
            </Link>
          </li>
          <li>
            <Link to="/configuration" className={line} activeProps={{ className: here }}>
              <Settings2 aria-hidden />
              <span className="truncate">{t("nav.configuration")}</span>
            </Link>
          </li>
        </ul>
        {groupsOf(model).map((group) => (
          <Group key={group.name} name={group.name} title={t(`groups.${group.name}`)} objects={group.objects} />
        ))}
        <Others objects={otherObjects(model)} />
      </nav>
      <div className="shrink-0 border-t border-line p-2">
        <Account />
      </div>
    </>
  );
}

/** The way through the tenant: a column on wide screens, a drawer on narrow ones. */
export function Navigation() {
  const { t } = useTranslation();
  const open = useStore(navigationOpen);
  const path = useRouterState({ select: (state) => state.location.pathname });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the drawer
  useEffect(() => navigationOpen.set(false), [path]);
  useEffect(() => {
    if (!open) return;
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape") navigationOpen.set(false);
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [open]);
  return (
    <>
      <aside className="hidden w-58 shrink-0 flex-col border-e border-line bg-canvas lg:flex">
        <Contents />
      </aside>
      {open && (
        <div className="fixed inset-0 z-30 lg:hidden" role="dialog" aria-modal="true" aria-label={t("nav.main")}>
          <button
            type="button"
            tabIndex={-1}
            aria-label={t("nav.closeMenu")}
            className="absolute inset-0 bg-scrim"
            onClick={() => navigationOpen.set(false)}
          />
          <aside className="absolute inset-y-0 start-0 flex w-[min(18rem,85vw)] flex-col bg-canvas shadow-float">
            <IconButton
              label={t("nav.closeMenu")}
              hint={false}
              autoFocus
              className="absolute end-2 top-1.5"
              onClick={() => navigationOpen.set(false)}
            >
              <X aria-hidden />
            </IconButton>
            <Contents />
          </aside>
        </div>
      )}
    </>
  );
}
