import { Link } from "@tanstack/react-router";
import { House } from "lucide-react";
import { useTranslation } from "react-i18next";
import { plural } from "@/api/schema";
import { RecordLink } from "@/components/value/record-link";
import { groupsOf } from "@/shell/groups";
import { ObjectIcon } from "@/shell/object-icon";
import { PageHeader } from "@/shell/page-header";
import { useModel } from "@/state/model";
import { recentlyVisited } from "@/state/overlays";

/** Where a day begins: what one had open last, and the ways to everything. */
export function HomePage() {
  const { t } = useTranslation();
  const model = useModel();
  const recent = recentlyVisited();
  return (
    <>
      <PageHeader title={t("nav.home")} icon={<House aria-hidden />} />
      <div className="min-h-0 flex-1 overflow-y-auto">
        <div className="mx-auto max-w-5xl space-y-8 p-4 sm:p-8">
          <p className="text-2xl font-semibold tracking-tight">{t("home.hello", { name: model.schema.user.name })}</p>
          {recent.length > 0 && (
            <section aria-labelledby="recent">
              <h2 id="recent" className="mb-2 text-xs font-medium text-ink-3">
                {t("palette.recent")}
              </h2>
              <ul className="grid gap-x-4 sm:grid-cols-2">
                {recent.map((one) => (
                  <li key={one.id} className="flex h-9 min-w-0 items-center gap-2 border-b border-line">
                    <ObjectIcon name={one.object} className="size-4 shrink-0 text-ink-3" />
                    <span className="flex min-w-0 flex-1 font-medium">
                      <RecordLink object={one.object} id={one.id} title={one.title} />
                    </span>
                    <span className="text-xs text-ink-3">{model.object(one.object)?.label}</span>
                  </li>
                ))}
              </ul>
            </section>
          )}
          {groupsOf(model).map((group) => (
            <section key={group.name} aria-labelledby={`group-${group.name}`}>
              <h2 id={`group-${group.name}`} className="mb-2 text-xs font-medium text-ink-3">
                {t(`groups.${group.name}`)}
              </h2>
              <ul className="grid grid-cols-2 gap-2 sm:grid-cols-3 lg:grid-cols-4">
                {group.objects.map((object) => (
                  <li key={object.name}>
                    <Link
                      to="/o/$object"
                      params={{ object: object.name }}
                      className="flex items-center gap-2.5 rounded-lg border border-line bg-surface px-3 py-2.5 font-medium shadow-card transition-colors hover:bg-hover"
                    >
                      <ObjectIcon name={object.name} className="size-4 shrink-0 text-accent-ink" />
                      <span className="truncate">{plural(object)}</span>
                    </Link>
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
      </div>
    </>
  );
}
