import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { plural } from "@/api/schema";
import { groupsOf } from "@/shell/groups";
import { ObjectIcon } from "@/shell/object-icon";
import { useModel } from "@/state/model";

/** The ways to the objects that people come for, where the navigation is folded away. */
export function Ways() {
  const { t } = useTranslation();
  return (
    <ul aria-label={t("nav.all")} className="grid grid-cols-2 gap-2 sm:grid-cols-3 lg:hidden">
      {groupsOf(useModel())
        .flatMap((group) => group.objects)
        .map((object) => (
          <li key={object.name}>
            <Link
              to="/o/$object"
              params={{ object: object.name }}
              className="flex items-center gap-2.5 rounded-lg border border-line bg-surface px-3 py-2.5 font-medium shadow-card"
            >
              <ObjectIcon name={object.name} className="size-4 shrink-0 text-accent-ink" />
              <span className="truncate">{plural(object)}</span>
            </Link>
          </li>
        ))}
    </ul>
  );
}
