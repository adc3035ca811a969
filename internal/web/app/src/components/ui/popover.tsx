import { Popover as Base } from "@base-ui/react/popover";
import type { ReactElement, ReactNode } from "react";
import { cx } from "./cx";

interface Props {
  trigger: ReactElement<Record<string, unknown>>;
  title: string;
  children: ReactNode;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
  align?: "start" | "center" | "end";
  className?: string;
}

export function Popover({ trigger, title, children, open, onOpenChange, align = "start", className }: Props) {
  const control = open === undefined ? {} : { open };
  return (
    <Base.Root {...control} {...(onOpenChange ? { onOpenChange: (next: boolean) => onOpenChange(next) } : {})}>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align={align} collisionPadding={8} className="z-40 outline-none">
          <Base.Popup
            className={cx(
              "popup max-h-[min(var(--available-height),36rem)] max-w-[calc(100vw-1rem)] overflow-y-auto p-3",
              className,
            )}
          >
            <Base.Title className="sr-only">{title}</Base.Title>
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
