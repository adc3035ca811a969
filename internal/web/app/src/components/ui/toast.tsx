import { Toast } from "@base-ui/react/toast";
import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "./button";

const manager = Toast.createToastManager();

interface Notice {
  title: string;
  description?: string;
  failed?: boolean;
  action?: { label: string; run: () => void };
}

/** Says in a corner what happened. */
export function notify({ title, description, failed = false, action }: Notice): void {
  const id = manager.add({
    title,
    description,
    type: failed ? "failed" : "done",
    priority: failed ? "high" : "low",
    timeout: failed || action ? 10_000 : 4_000,
    ...(action && {
      actionProps: {
        children: action.label,
        onClick: () => {
          manager.close(id);
          action.run();
        },
      },
    }),
  });
}

function List() {
  const { t } = useTranslation();
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className="pointer-events-auto w-full rounded-lg bg-raised shadow-float transition duration-200 data-ending-style:translate-y-2 data-ending-style:opacity-0 data-limited:hidden data-starting-style:translate-y-2 data-starting-style:opacity-0"
    >
      <Toast.Content className="flex items-start gap-2.5 p-3">
        {toast.type === "failed" ? (
          <CircleAlert className="mt-0.5 size-4 shrink-0 text-danger" aria-hidden />
        ) : (
          <CircleCheck className="mt-0.5 size-4 shrink-0 text-success" aria-hidden />
        )}
        <div className="min-w-0 flex-1">
          <Toast.Title className="text-sm font-medium break-words" />
          <Toast.Description className="text-sm break-words text-ink-2" />
        </div>
        {toast.actionProps && <Toast.Action render={<Button tone="quiet" className="-my-1.5 text-accent-ink!" />} />}
        <Toast.Close
          aria-label={t("common.dismiss")}
          className="-my-0.5 rounded-sm p-1 text-ink-3 hover:bg-hover hover:text-ink"
        >
          <X className="size-3.5" aria-hidden />
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ));
}

export function Notices() {
  return (
    <Toast.Provider toastManager={manager} limit={4}>
      <Toast.Portal>
        <Toast.Viewport className="pointer-events-none fixed start-4 bottom-18 z-50 lg:start-62 lg:bottom-4 flex w-[min(22rem,calc(100vw-2rem))] flex-col gap-2">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}
