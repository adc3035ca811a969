import { X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/ui/button";

/** The filter that holds, as the CEL that it is. */
export function FilterLine({ filter, onClear }: { filter: string; onClear: () => void }) {
  const { t } = useTranslation();
  if (!filter) return null;
  return (
    <div className="flex shrink-0 items-center gap-2 border-b border-line bg-canvas px-4 py-1.5">
      <code className="min-w-0 flex-1 truncate font-mono text-xs text-ink-2">{filter}</code>
      <IconButton label={t("list.clear")} className="size-6!" onClick={onClear}>
        <X aria-hidden />
      </IconButton>
    </div>
  );
}
