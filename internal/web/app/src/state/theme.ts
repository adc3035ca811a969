import { useEffect } from "react";
import { usePreference } from "./preferences";

export type Theme = "light" | "dark" | "system";

/** The theme that somebody chose. public/theme.js does the same before the first paint. */
export function useTheme(): [Theme, (theme: Theme | undefined) => void] {
  const [theme, setTheme] = usePreference<Theme>("theme", "system");
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      const dark = theme === "dark" || (theme === "system" && query.matches);
      document.documentElement.dataset.theme = dark ? "dark" : "light";
    };
    apply();
    query.addEventListener("change", apply);
    return () => query.removeEventListener("change", apply);
  }, [theme]);
  return [theme, setTheme];
}
