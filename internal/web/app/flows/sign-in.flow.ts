import { describe, expect, inject, it } from "vitest";
import { complaints, enter, expectAccessible, type Language, signIn, texts, useBrowser, visit } from "./setup/browser";

describe.each<Language>(["en", "zh"])("Somebody who signs in (%s)", (language) => {
  useBrowser();
  const t = texts[language];

  it("is refused with a wrong password, let in with the right one, and out again", async () => {
    const { context, page } = await visit({ language });
    await page.goto("/o/customer");
    await page.getByLabel(t.app.email, { exact: true }).fill(inject("tenant").email);
    await expectAccessible(page, "the sign-in page");
    await page.getByLabel(t.app.password, { exact: true }).fill("not the password");
    await page.getByRole("button", { name: t.app.signIn }).click();
    await page.getByText(t.app.wrongPassword).waitFor();
    await signIn(page, language, "/o/customer");
    await page.getByRole("grid").waitFor();
    await page.getByRole("button", { name: inject("tenant").email }).click();
    await page.getByRole("menuitem", { name: t.app.signOut }).click();
    await page.getByLabel(t.app.password, { exact: true }).waitFor();
    await page.reload();
    await page.getByLabel(t.app.password, { exact: true }).waitFor();
    await context.close();
  });

  it("finds everything from the keyboard", async () => {
    const { context, page } = await enter("/", { language });
    await expectAccessible(page, "the home page");
    await page.keyboard.press("Control+k");
    const box = page.getByRole("combobox", { name: t.palette.title });
    await box.fill(language === "zh" ? "销售机会" : "opportunit");
    await page.getByRole("option").first().waitFor();
    await expectAccessible(page, "the palette");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/o\/opportunity/);
    await page.getByRole("grid").waitFor();
    await context.close();
    expect(complaints).toEqual([]);
  });
});

describe("Somebody who chooses", () => {
  useBrowser();

  it("another language and theme finds them again after a reload", async () => {
    const { context, page } = await enter("/");
    await page.getByRole("button", { name: inject("tenant").email }).click();
    await page.getByRole("menuitemradio", { name: "中文" }).click();
    await page.getByRole("link", { name: texts.zh.nav.home }).waitFor();
    await page.getByRole("button", { name: inject("tenant").email }).click();
    await page.getByRole("menuitemradio", { name: texts.zh.nav.dark }).click();
    await page.reload();
    await page.getByRole("link", { name: texts.zh.nav.home }).waitFor();
    expect(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset.theme])).toEqual([
      "zh-CN",
      "dark",
    ]);
    await expectAccessible(page, "the home page in the dark");
    await context.close();
  });

  it("nothing on a telephone reaches all the same", async () => {
    const { context, page } = await enter("/o/opportunity", { width: 375, height: 720 });
    await page.getByRole("grid").waitFor();
    await expectAccessible(page, "a list on a telephone");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(375);
    await page.getByRole("button", { name: texts.en.nav.openMenu }).click();
    await page.getByRole("dialog").getByRole("link", { name: "Customers" }).click();
    await page.waitForURL(/\/o\/customer/);
    await context.close();
    expect(complaints).toEqual([]);
  });
});
