import { existsSync } from "node:fs";
import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject } from "vitest";
import { en } from "@/i18n/en";
import { zh } from "@/i18n/zh";
import { Api } from "./seed";

export const texts = { en, zh };
export type Language = keyof typeof texts;

const places = [
  process.env.KONTOR_BROWSER ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
];

export interface Look {
  language?: Language;
  dark?: boolean;
  width?: number;
  height?: number;
}

let browser: Browser;

/** Opens a browser for the flows of a file. */
export function useBrowser(): void {
  beforeAll(async () => {
    const executablePath = places.find((place) => place !== "" && existsSync(place));
    if (!executablePath) throw new Error("no browser was found: run make setup, or name one in KONTOR_BROWSER");
    browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
  });
  afterAll(() => browser?.close());
}

/** What the page complained about in its console: there must be nothing. */
export const complaints: string[] = [];

/** A browser of its own: nothing is kept from another one. */
export async function visit({
  language = "en",
  dark = false,
  width = 1440,
  height = 900,
}: Look = {}): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({
    viewport: { width, height },
    locale: language === "zh" ? "zh-CN" : "en-US",
    colorScheme: dark ? "dark" : "light",
    baseURL: inject("tenant").url,
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`${error.message}\n${error.stack}`));
  page.on("console", (message) => {
    const text = message.text();
    // A refusal that the page handles is no complaint; what the policy blocks is.
    if (message.type() === "error" && !/Failed to load resource|ERR_INTERNET_DISCONNECTED/.test(text))
      complaints.push(text);
  });
  return { context, page };
}

export async function signIn(page: Page, language: Language = "en", path = "/"): Promise<void> {
  const { email, password } = inject("tenant");
  const t = texts[language].app;
  await page.goto(path);
  await page.getByLabel(t.email, { exact: true }).fill(email);
  await page.getByLabel(t.password, { exact: true }).fill(password);
  await page.getByRole("button", { name: t.signIn }).click();
  await page.locator("#content").waitFor();
}

let token = "";

/** Opens the page with a session, as a browser that was there before. */
export async function enter(path: string, look: Look = {}): Promise<{ context: BrowserContext; page: Page }> {
  const opened = await visit(look);
  token ||= (await new Api(inject("tenant")).signIn()).token;
  await opened.context.addCookies([
    {
      name: "__Host-kontor",
      value: token,
      url: inject("tenant").url.replace("http:", "https:"),
      secure: true,
      httpOnly: true,
      sameSite: "Lax",
    },
  ]);
  await opened.page.goto(path);
  await opened.page.locator("#content").waitFor();
  return opened;
}

/** Fails with a sentence for each thing that keeps somebody out. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  // The policy of the page allows no script but its own; a script of the browser's own makes an exception for the test.
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run(
          options: unknown,
        ): Promise<{ violations: { id: string; help: string; nodes: { html: string; failureSummary?: string }[] }[] }>;
      };
    };
    const { violations } = await axe.run({
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return violations.map(
      (one) =>
        `${one.id}: ${one.help}\n  ${one.nodes
          .slice(0, 3)
          .map((node) => `${node.html.slice(0, 240)}\n    ${node.failureSummary ?? ""}`)
          .join("\n  ")}`,
    );
  });
  expect(found, `what axe finds on ${what}`).toEqual([]);
}
