import "./styles.css";
import { CSPProvider } from "@base-ui/react/csp-provider";
import { Tooltip } from "@base-ui/react/tooltip";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "./api/queries";
import { Notices } from "./components/ui/toast";
import { startTexts } from "./i18n";
import { router } from "./router";
import { ErrorBoundary } from "./shell/error-boundary";
import { ModelProvider } from "./state/model";

await startTexts();

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <CSPProvider disableStyleElements>
      <ErrorBoundary>
        <QueryClientProvider client={queries}>
          <Tooltip.Provider delay={400}>
            <ModelProvider>
              <RouterProvider router={router} />
            </ModelProvider>
            <Notices />
          </Tooltip.Provider>
        </QueryClientProvider>
      </ErrorBoundary>
    </CSPProvider>
  </StrictMode>,
);
