import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type Words, wordsOf } from "@/format/text";
import { useModel } from "./model";

/** The language, time zone and currency in which values are shown. */
export function useWords(): Words {
  const model = useModel();
  const { t, i18n } = useTranslation();
  return useMemo(() => wordsOf(model, t, i18n.language), [model, t, i18n.language]);
}
