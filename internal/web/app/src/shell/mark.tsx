import { cx } from "@/components/ui/cx";

/** The sign of Kontor. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={cx("size-8", className)} aria-hidden>
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <path
        d="M11 8v16M21 8l-9 8 9 8"
        fill="none"
        stroke="#fff"
        strokeWidth="3.2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
