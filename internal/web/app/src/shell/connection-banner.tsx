import { useQueryClient } from "@tanstack/react-query";
import { WifiOff } from "lucide-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { send } from "@/api/client";
import { Problem } from "@/api/problem";
import { notify } from "@/components/ui/toast";
import { reachable } from "@/state/connection";
import { useStore } from "@/state/store";

const tryEvery = 1_500;

const knock = () =>
  send("/schema").catch((error) => {
    // A refusal is an answer too; silence is noted by send itself.
    if (!(error instanceof Problem)) return;
  });

/** Says that the server is gone, knocks until it is back, and reads anew what is shown. */
export function ConnectionBanner() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const there = useStore(reachable);
  const wasThere = useRef(there);
  useEffect(() => {
    if (there && !wasThere.current) {
      notify({ title: t("connection.back") });
      void queries.invalidateQueries();
    }
    wasThere.current = there;
    if (there) return;
    const timer = setInterval(() => void knock(), tryEvery);
    return () => clearInterval(timer);
  }, [there, queries, t]);
  return (
    <div role="status" className="shrink-0">
      {!there && (
        <div className="flex items-center gap-2 bg-warning-soft px-4 py-2 text-warning">
          <WifiOff className="size-4 shrink-0" aria-hidden />
          <span className="flex-1">{t("connection.lost")}</span>
          <button type="button" className="font-medium underline underline-offset-2" onClick={() => void knock()}>
            {t("connection.tryNow")}
          </button>
        </div>
      )}
    </div>
  );
}
