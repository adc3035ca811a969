import { Checkbox as Base } from "@base-ui/react/checkbox";
import { Check, Minus } from "lucide-react";

interface Props {
  checked: boolean;
  some?: boolean;
  onChange: (checked: boolean) => void;
  label?: string | undefined;
  id?: string | undefined;
  disabled?: boolean;
  describedBy?: string | undefined;
  tabIndex?: number;
}

export function Checkbox({ checked, some = false, onChange, label, id, disabled, describedBy, tabIndex }: Props) {
  return (
    <Base.Root
      checked={checked}
      indeterminate={some}
      onCheckedChange={onChange}
      disabled={disabled ?? false}
      aria-label={label}
      aria-describedby={describedBy}
      id={id}
      tabIndex={tabIndex}
      className="relative flex size-4 shrink-0 items-center justify-center rounded-[5px] border border-line-strong bg-surface shadow-card transition-colors after:absolute after:-inset-2 data-checked:border-accent data-checked:bg-accent data-indeterminate:border-accent data-indeterminate:bg-accent"
    >
      <Base.Indicator className="text-on-accent">
        {some ? (
          <Minus className="size-3" strokeWidth={3} aria-hidden />
        ) : (
          <Check className="size-3" strokeWidth={3} aria-hidden />
        )}
      </Base.Indicator>
    </Base.Root>
  );
}
