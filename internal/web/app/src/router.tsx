import { createRootRoute, createRoute, createRouter, Link, lazyRouteComponent } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { useTranslation } from "react-i18next";
import { z } from "zod";
import { Button } from "./components/ui/button";
import { Empty, SkeletonLines } from "./components/ui/states";
import { HomePage } from "./pages/home/home-page";
import { ListPage } from "./pages/list/list-page";
import { Broken } from "./shell/error-boundary";
import { Shell } from "./shell/shell";

function NotFound() {
  const { t } = useTranslation();
  return (
    <div className="flex flex-1 items-center justify-center">
      <Empty icon={<Compass aria-hidden />} title={t("errors.notFound")}>
        <Link to="/">
          <Button tabIndex={-1}>{t("errors.home")}</Button>
        </Link>
      </Empty>
    </div>
  );
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

/** What of a list stands in the address, so that it can be sent to somebody. */
const listSearch = z.object({
  filter: z.string().optional().catch(undefined),
  sort: z.string().optional().catch(undefined),
  q: z.string().optional().catch(undefined),
  view: z.string().optional().catch(undefined),
});

export type ListSearch = z.infer<typeof listSearch>;

const home = createRoute({ getParentRoute: () => root, path: "/", component: HomePage });

const list = createRoute({
  getParentRoute: () => root,
  path: "/o/$object",
  validateSearch: (search) => listSearch.parse(search),
  component: ListPage,
});

const record = createRoute({
  getParentRoute: () => root,
  path: "/o/$object/$id",
  component: lazyRouteComponent(() => import("./pages/record/record-page")),
});

const board = createRoute({
  getParentRoute: () => root,
  path: "/o/$object/board",
  validateSearch: (search) => listSearch.parse(search),
  component: lazyRouteComponent(() => import("./pages/board/board-page")),
});

const jobs = createRoute({
  getParentRoute: () => root,
  path: "/jobs",
  component: lazyRouteComponent(() => import("./pages/jobs-page")),
});

const importing = createRoute({
  getParentRoute: () => root,
  path: "/import/$object",
  component: lazyRouteComponent(() => import("./pages/import/import-page")),
});

const configuration = createRoute({
  getParentRoute: () => root,
  path: "/configuration",
  component: lazyRouteComponent(() => import("./pages/configuration-page")),
});

const configurationOfObject = createRoute({
  getParentRoute: () => root,
  path: "/configuration/$object",
  component: lazyRouteComponent(() => import("./pages/configuration-page"), "ConfigurationOfObject"),
});

export const router = createRouter({
  routeTree: root.addChildren([home, list, board, record, jobs, importing, configuration, configurationOfObject]),
  defaultPreload: "intent",
  defaultPendingComponent: () => <SkeletonLines />,
  defaultErrorComponent: ({ reset }) => <Broken onRetry={reset} />,
  // Texts of filters stay readable in the address.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const given = Object.entries(search).filter(([, value]) => typeof value === "string" && value !== "");
    return given.length > 0 ? `?${new URLSearchParams(given as [string, string][])}` : "";
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
