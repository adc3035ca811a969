import { mkdirSync } from "node:fs";
import { describe, inject, it } from "vitest";
import { enter, type Look, useBrowser, visit } from "./setup/browser";
import { Api } from "./setup/seed";

const folder = new URL("../../../../.screenshots/", import.meta.url).pathname;

const looks: Record<string, Look> = {
  "en-light": {},
  "en-dark": { dark: true },
  "zh-light": { language: "zh" },
  "zh-dark": { language: "zh", dark: true },
  "en-narrow": { width: 375, height: 760 },
  "zh-narrow-dark": { language: "zh", width: 375, height: 760, dark: true },
  "en-wide": { width: 2560, height: 1300 },
};

describe.each(Object.entries(looks))("Pictures of %s", (name, look) => {
  useBrowser();

  it("are taken of the main pages", { timeout: 180_000 }, async () => {
    mkdirSync(folder, { recursive: true });
    const api = await new Api(inject("tenant")).signIn();
    const first = async (object: string, filter: string) =>
      (
        await api.call<{ items: { id: string }[] }>("POST", `/records/${object}/query`, {
          filter,
          limit: 1,
          fields: ["id"],
        })
      ).items[0]?.id ?? "";
    const pages: Record<string, string> = {
      home: "/",
      list: "/o/opportunity",
      filtered: `/o/opportunity?${new URLSearchParams({ filter: 'stage == "won" && amount > 1000', sort: "-amount" })}`,
      board: "/o/opportunity/board",
      customer: `/o/customer/${await first("customer", "won_total > 0")}`,
      opportunity: `/o/opportunity/${await first("opportunity", 'stage == "engaging"')}`,
      import: "/import/customer",
      jobs: "/jobs",
      configuration: "/configuration/opportunity",
    };
    const { context: stranger, page: door } = await visit(look);
    await door.goto("/");
    await door.locator("form").waitFor();
    await door.screenshot({ path: `${folder}sign-in-${name}.png` });
    await stranger.close();
    const { context, page } = await enter("/", look);
    for (const [title, path] of Object.entries(pages)) {
      await page.goto(path);
      await page.locator("#content h1").waitFor();
      await page.waitForLoadState("networkidle");
      await page.screenshot({ path: `${folder}${title}-${name}.png` });
    }
    await page.goto("/o/opportunity");
    await page.locator("#content h1").waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("option").first().waitFor();
    await page.screenshot({ path: `${folder}palette-${name}.png` });
    await context.close();
  });
});
