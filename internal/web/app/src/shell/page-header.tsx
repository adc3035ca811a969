import { PanelLeft } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/ui/button";
import { useModel } from "@/state/model";
import { navigationOpen } from "@/state/overlays";

/** The first line of a page: its name, and what one can do here. */
export function PageHeader({
  title,
  icon,
  lead,
  children,
}: {
  title: string;
  icon?: ReactNode;
  lead?: ReactNode;
  children?: ReactNode;
}) {
  const { t } = useTranslation();
  const { organisation } = useModel().schema;
  useEffect(() => {
    document.title = `${title} · ${organisation.displayName}`;
  }, [title, organisation.displayName]);
  return (
    <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line bg-surface ps-2 pe-3 lg:ps-4">
      <IconButton label={t("nav.openMenu")} className="lg:hidden" hint={false} onClick={() => navigationOpen.set(true)}>
        <PanelLeft aria-hidden />
      </IconButton>
      {lead}
      {icon && <span className="text-ink-3 [&_svg]:size-4">{icon}</span>}
      <h1 className="min-w-0 flex-1 truncate text-base font-semibold">{title}</h1>
      <div className="flex items-center gap-1.5">{children}</div>
    </header>
  );
}
