import { useTranslation } from "react-i18next";
import { Empty, Failure } from "@/components/ui/states";
import { Mark } from "./mark";

/** What is shown before the schema is there: never a blank page. */
export function Starting({ waiting, error, onRetry }: { waiting: boolean; error: unknown; onRetry: () => void }) {
  const { t } = useTranslation();
  return (
    <main className="flex h-full items-center justify-center p-6">
      {error ? (
        <Failure error={error} onRetry={onRetry} />
      ) : waiting ? (
        <div role="status">
          <Empty icon={<Mark />} title={t("errors.unreachable")} hint={t("connection.lost")} />
        </div>
      ) : (
        <div role="status" aria-label={t("app.loading")} className="animate-pulse">
          <Mark className="size-10" />
        </div>
      )}
    </main>
  );
}
