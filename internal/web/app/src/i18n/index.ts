import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { answerIn } from "@/api/client";
import { prefer, preference } from "@/state/preferences";
import type { Texts } from "./en";

/** The languages of the page, each by its own name. */
export const languages = { en: "English", zh: "中文" } as const;
export type Language = keyof typeof languages;

const load: Record<Language, () => Promise<Texts>> = {
  en: async () => (await import("./en")).en,
  zh: async () => (await import("./zh")).zh,
};

const isLanguage = (text: string): text is Language => text in languages;

/** What somebody chose, else what the browser prefers, else English. */
export function preferredLanguage(wanted: readonly string[] = navigator.languages): Language {
  const chosen = preference<string>("language", "");
  for (const one of [chosen, ...wanted]) {
    const base = one.split("-")[0] ?? "";
    if (isLanguage(base)) return base;
  }
  return "en";
}

export async function speak(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, "translation")) {
    i18next.addResourceBundle(language, "translation", await load[language]());
  }
  answerIn(language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

export async function chooseLanguage(language: Language): Promise<void> {
  prefer("language", language);
  await speak(language);
}

export async function startTexts(): Promise<void> {
  await i18next.use(initReactI18next).init({
    resources: {},
    fallbackLng: false,
    // React writes text as text.
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  await speak(preferredLanguage());
}
