import { Link } from "@tanstack/react-router";
import { KanbanSquare, Rows3 } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { ObjectType } from "@/api/schema";
import { useModel } from "@/state/model";

const way =
  "flex h-7 items-center gap-1.5 rounded-sm px-2 font-medium text-ink-2 transition-colors hover:text-ink pointer-coarse:h-9 [&_svg]:size-4";
const here = "bg-surface! text-ink! shadow-card";

/** The same records as a list or as a board, where they move through a pipeline. */
export function Ways({ object }: { object: ObjectType }) {
  const { t } = useTranslation();
  const model = useModel();
  if (!model.pipeline(object.name)) return null;
  const common = { params: { object: object.name }, className: way, activeProps: { className: here } };
  const kept = (before: { filter?: string | undefined; q?: string | undefined }) => ({
    filter: before.filter,
    q: before.q,
  });
  return (
    <div className="flex shrink-0 gap-0.5 rounded-md bg-active p-0.5">
      <Link to="/o/$object" activeOptions={{ exact: true, includeSearch: false }} search={kept} {...common}>
        <Rows3 aria-hidden />
        <span className="max-sm:sr-only">{t("list.list")}</span>
      </Link>
      <Link to="/o/$object/board" activeOptions={{ includeSearch: false }} search={kept} {...common}>
        <KanbanSquare aria-hidden />
        <span className="max-sm:sr-only">{t("list.board")}</span>
      </Link>
    </div>
  );
}
