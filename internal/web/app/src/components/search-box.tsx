import { Search } from "lucide-react";
import { useTranslation } from "react-i18next";

/** The box over records in which people type what they look for. */
export function SearchBox({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  const { t } = useTranslation();
  return (
    <div className="relative w-56 min-w-0 shrink max-sm:flex-1">
      <Search className="pointer-events-none absolute start-2 top-1/2 size-4 -translate-y-1/2 text-ink-3" aria-hidden />
      <input
        type="search"
        value={value}
        onChange={(event) => onValue(event.target.value)}
        placeholder={t("list.search")}
        aria-label={t("list.search")}
        className="h-8 w-full rounded-md bg-transparent ps-8 pe-2 hover:bg-hover focus:bg-hover pointer-coarse:text-base"
      />
    </div>
  );
}
