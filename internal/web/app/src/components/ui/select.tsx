import { Select as Base } from "@base-ui/react/select";
import { Check, ChevronsUpDown } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "./cx";

export interface Choice {
  value: string;
  label: string;
  hue?: number;
}

interface Props {
  value: string | null;
  onChange: (value: string | null) => void;
  choices: Choice[];
  placeholder?: string;
  /** The words for choosing nothing; without them nothing cannot be chosen. */
  nothing?: string | undefined;
  id?: string | undefined;
  label?: string | undefined;
  invalid?: boolean;
  disabled?: boolean;
  describedBy?: string | undefined;
  className?: string;
  defaultOpen?: boolean;
  onClose?: () => void;
  render?: (choice: Choice) => ReactNode;
}

const shown = (choice: Choice): ReactNode =>
  choice.hue === undefined ? (
    <span className="truncate">{choice.label}</span>
  ) : (
    <span className="chip" data-hue={choice.hue}>
      <span className="truncate">{choice.label}</span>
    </span>
  );

export function Select({
  value,
  onChange,
  choices,
  placeholder,
  nothing,
  id,
  label,
  invalid,
  disabled,
  describedBy,
  className,
  defaultOpen,
  onClose,
  render = shown,
}: Props) {
  const chosen = choices.find((choice) => choice.value === value);
  return (
    <Base.Root
      value={value}
      onValueChange={(next) => onChange(next as string | null)}
      disabled={disabled ?? false}
      defaultOpen={defaultOpen ?? false}
      modal={false}
      onOpenChange={(open) => {
        if (!open) onClose?.();
      }}
    >
      <Base.Trigger
        id={id}
        aria-label={label}
        aria-invalid={invalid ? true : undefined}
        aria-describedby={describedBy}
        className={cx("control flex items-center justify-between gap-2 text-start", className)}
      >
        <span className="flex min-w-0 flex-1 items-center">
          {chosen ? (
            render(chosen)
          ) : (
            <span className="truncate text-ink-3">{value && !chosen ? value : (placeholder ?? "")}</span>
          )}
        </span>
        <Base.Icon className="text-ink-3">
          <ChevronsUpDown className="size-3.5" aria-hidden />
        </Base.Icon>
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner sideOffset={4} alignItemWithTrigger={false} className="z-50 outline-none">
          <Base.Popup className="popup max-h-[min(var(--available-height),20rem)] min-w-[max(var(--anchor-width),9rem)] overflow-y-auto p-1">
            <Base.List>
              {nothing !== undefined && (
                <Base.Item value={null} className="item text-ink-3">
                  <span className="size-4" />
                  <Base.ItemText>{nothing}</Base.ItemText>
                </Base.Item>
              )}
              {choices.map((choice) => (
                <Base.Item key={choice.value} value={choice.value} className="item">
                  <span className="flex size-4 shrink-0 items-center justify-center text-accent-ink">
                    <Base.ItemIndicator>
                      <Check className="size-4" aria-hidden />
                    </Base.ItemIndicator>
                  </span>
                  <Base.ItemText className="flex min-w-0">{render(choice)}</Base.ItemText>
                </Base.Item>
              ))}
            </Base.List>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
