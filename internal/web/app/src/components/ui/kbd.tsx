import type { ReactNode } from "react";

export function Kbd({ children }: { children: ReactNode }) {
  return (
    <kbd className="rounded-sm border border-line-strong bg-surface px-1 font-sans text-2xs text-ink-3">{children}</kbd>
  );
}
