import { Outlet } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { creating } from "@/state/overlays";
import { conflict } from "@/state/saving";
import { useStore } from "@/state/store";
import { ConnectionBanner } from "./connection-banner";
import { Navigation } from "./navigation";
import { Palette, useShortcuts } from "./palette";

const CreateSheet = lazy(() => import("@/components/create-sheet"));
const ConflictDialog = lazy(() => import("@/components/conflict-dialog"));

/** What stands around every page. */
export function Shell() {
  const { t } = useTranslation();
  const making = useStore(creating);
  const disputed = useStore(conflict);
  useShortcuts();
  return (
    <div className="flex h-full flex-col">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-md focus:bg-raised focus:px-3 focus:py-1.5 focus:shadow-float"
      >
        {t("app.skip")}
      </a>
      <ConnectionBanner />
      <div className="flex min-h-0 flex-1">
        <Navigation />
        <main id="content" tabIndex={-1} className="flex min-w-0 flex-1 flex-col bg-surface outline-none">
          <Outlet />
        </main>
      </div>
      <Palette />
      {making && (
        <Suspense>
          <CreateSheet key={making.object} making={making} onClose={() => creating.set(null)} />
        </Suspense>
      )}
      {disputed && (
        <Suspense>
          <ConflictDialog open={disputed} />
        </Suspense>
      )}
    </div>
  );
}
