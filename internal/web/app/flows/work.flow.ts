import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { complaints, enter, expectAccessible, type Language, texts, useBrowser } from "./setup/browser";

describe.each<Language>(["en", "zh"])("Somebody who works (%s)", (language) => {
  useBrowser();
  const t = texts[language];

  it("sees on the home page how things stand, as charts and as tables", async () => {
    const { context, page } = await enter("/", { language });
    await page.locator(".recharts-bar-rectangle").first().waitFor();
    await expectAccessible(page, "the home page with its charts");
    await page.getByRole("region", { name: t.home.byStage }).getByRole("button", { name: t.home.asTable }).click();
    await page.getByRole("region", { name: t.home.byStage }).getByRole("cell").first().getByRole("button").click();
    await page.waitForURL(/\/o\/opportunity\?filter=stage/);
    await page.getByRole("grid").waitFor();
    await context.close();
  });

  it("keeps a view and finds it again", async () => {
    const name = `View ${language} ${Date.now()}`;
    const { context, page } = await enter(`/o/customer?filter=${encodeURIComponent("name != null")}&sort=-name`, {
      language,
    });
    await page.getByRole("grid").waitFor();
    await page.getByRole("button", { name: t.list.views }).click();
    await page.getByRole("menuitem", { name: t.views.save }).click();
    await page.getByRole("textbox", { name: t.views.name }).fill(name);
    await expectAccessible(page, "the dialogue of a view");
    await page.getByRole("button", { name: t.record.save, exact: true }).click();
    await page.waitForURL(/view=/);
    await page.goto("/o/customer");
    await page.getByRole("button", { name: t.list.views }).click();
    await page.getByRole("menuitem", { name }).click();
    await page.waitForURL(/sort=-name/);
    await page.getByRole("button", { name: t.list.views }).click();
    await page.getByRole("menuitem", { name: t.views.delete }).click();
    await page.waitForURL((url) => !url.search.includes("view="));
    await context.close();
  });

  it("imports a file, looks at what went wrong, and takes it back", async () => {
    const { context, page } = await enter("/import/competitor", { language });
    await expectAccessible(page, "the first step of an import");
    const head = language === "zh" ? "竞争对手名称,优势" : "Name,Strengths";
    await page.locator('input[type="file"]').setInputFiles({
      name: "competitors.csv",
      mimeType: "text/csv",
      buffer: Buffer.from(`${head}\n"=1+1 ${language}",fast\n${"x".repeat(90)},slow\n<b>bold</b> ${language},cheap\n`),
    });
    await page.getByRole("table").waitFor();
    // What a column is called may differ: the name is chosen where it was not guessed.
    const name = page.getByRole("combobox").first();
    if ((await name.textContent())?.includes(t.importing.ignore)) {
      await name.click();
      await page.getByRole("option").nth(1).click();
    }
    await page.getByRole("cell", { name: `<b>bold</b> ${language}` }).waitFor();
    await expectAccessible(page, "the columns of an import");
    await page.getByRole("button", { name: t.importing.start }).click();
    await page.getByText(t.importing.finished).waitFor();
    await page.getByText(t.jobs.created.replace("{{count}}", "2")).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: t.jobs.errors }).click(),
    ]);
    expect(readFileSync(await download.path(), "utf8")).toContain("xxxxx");
    await page.getByRole("link", { name: t.nav.jobs }).click();
    await page.getByRole("article").first().waitFor();
    await expectAccessible(page, "the jobs");
    await page.getByRole("article").first().getByRole("button", { name: t.jobs.undo }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: t.jobs.undo }).click();
    await page
      .getByRole("article", { name: new RegExp(t.jobs.kind.undo) })
      .first()
      .getByText(t.jobs.state.done)
      .waitFor();
    await context.close();
  });

  it("reads how an object is configured", async () => {
    const { context, page } = await enter("/configuration", { language });
    await expectAccessible(page, "the configuration");
    await page.getByRole("main").locator('a[href="/configuration/opportunity"]').click();
    await page.getByRole("cell", { name: "deal_id" }).waitFor();
    await expectAccessible(page, "the configuration of an object");
    await context.close();
    expect(complaints).toEqual([]);
  });
});
