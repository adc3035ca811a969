import { Search } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

/** Quick search: what is typed is asked for a moment later, so that each letter does not ask the server. */
export function SearchBox({ asked, onSearch }: { asked: string; onSearch: (text: string) => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(asked);
  const sent = useRef(asked);
  useEffect(() => {
    if (asked === sent.current) return;
    sent.current = asked;
    setTyped(asked);
  }, [asked]);
  useEffect(() => {
    if (typed === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = typed;
      onSearch(typed);
    }, 180);
    return () => clearTimeout(timer);
  }, [typed, onSearch]);
  return (
    <div className="relative w-56 min-w-0 shrink max-sm:flex-1">
      <Search className="pointer-events-none absolute start-2 top-1/2 size-4 -translate-y-1/2 text-ink-3" aria-hidden />
      <input
        type="search"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        placeholder={t("list.search")}
        aria-label={t("list.search")}
        className="h-8 w-full rounded-md bg-transparent ps-8 pe-2 hover:bg-hover focus:bg-hover pointer-coarse:text-base"
      />
    </div>
  );
}
