import { createContext, useContext } from "react";
import type { Words } from "@/format/text";

/** Made once for the page: a table asks for the words in each of its cells. */
export const WordsContext = createContext<Words | null>(null);

/** The language, time zone and currency in which values are shown. */
export function useWords(): Words {
  const words = useContext(WordsContext);
  if (!words) throw new Error("there are no words here");
  return words;
}
