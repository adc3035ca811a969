import type { ButtonHTMLAttributes, Ref } from "react";
import { cx } from "./cx";
import { Hint } from "./hint";

export type Tone = "plain" | "accent" | "quiet" | "danger";

const tones: Record<Tone, string> = {
  plain: "border border-line-strong bg-surface text-ink shadow-card hover:bg-hover",
  accent: "bg-accent text-on-accent shadow-card hover:bg-accent-strong",
  quiet: "text-ink-2 hover:bg-hover hover:text-ink data-popup-open:bg-active",
  danger: "border border-line-strong bg-surface text-danger shadow-card hover:bg-danger-soft",
};

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  tone?: Tone;
  ref?: Ref<HTMLButtonElement>;
}

const base =
  "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md text-sm font-medium whitespace-nowrap transition-colors select-none disabled:pointer-events-none disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0";

export function Button({ tone = "plain", className, type = "button", ...rest }: Props) {
  return (
    <button type={type} className={cx(base, "h-8 px-2.5 pointer-coarse:h-10", tones[tone], className)} {...rest} />
  );
}

/** A button that shows a picture alone: its name is read out, and shown when one points at it. */
export function IconButton({
  tone = "quiet",
  className,
  label,
  hint = true,
  type = "button",
  ...rest
}: Props & { label: string; hint?: boolean }) {
  const button = (
    <button
      type={type}
      aria-label={label}
      className={cx(base, "size-8 pointer-coarse:size-10", tones[tone], className)}
      {...rest}
    />
  );
  return hint ? <Hint text={label}>{button}</Hint> : button;
}
