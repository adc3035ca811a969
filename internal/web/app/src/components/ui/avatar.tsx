import { hueOf } from "@/format/hue";
import { cx } from "./cx";

/** The first letters of a name: two of Latin words, one of Chinese. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  if (/^\p{Script=Han}/u.test(name)) return [...name][0] ?? "";
  return words
    .slice(0, 2)
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();
}

export function Avatar({ name, className }: { name: string; className?: string }) {
  return (
    <span
      aria-hidden
      data-hue={hueOf(name)}
      className={cx(
        "chip size-5 min-h-0 shrink-0 justify-center rounded-full! p-0! text-[0.5625rem]! font-semibold",
        className,
      )}
    >
      {initials(name)}
    </span>
  );
}
