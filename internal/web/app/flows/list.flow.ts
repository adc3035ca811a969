import { beforeAll, describe, expect, inject, it } from "vitest";
import { complaints, enter, expectAccessible, type Language, texts, useBrowser } from "./setup/browser";
import { Api } from "./setup/seed";

const attack = `<img src=x onerror="document.title='hacked'">`;

describe.each<Language>(["en", "zh"])("A list (%s)", (language) => {
  useBrowser();
  const t = texts[language];
  let api: Api;
  beforeAll(async () => {
    api = await new Api(inject("tenant")).signIn();
  });

  it("is searched, filtered, sorted, and the address holds it all", async () => {
    const { context, page } = await enter("/o/opportunity", { language });
    const grid = page.getByRole("grid");
    await grid.waitFor();
    await expectAccessible(page, "a list");
    await page.getByRole("button", { name: t.list.filter }).click();
    await page.getByRole("combobox", { name: t.list.field }).click();
    const stage = language === "zh" ? "销售阶段" : "Stage";
    await page.getByRole("option", { name: stage, exact: true }).click();
    await page.getByRole("checkbox").and(page.locator('[role="group"] *, fieldset *')).first().click();
    await expectAccessible(page, "the filter");
    await page.getByRole("button", { name: t.list.apply }).click();
    await page.waitForURL(/filter=stage\+in/);
    await page
      .getByRole("columnheader")
      .filter({ hasText: language === "zh" ? "预计金额" : "Expected amount" })
      .getByRole("button")
      .first()
      .click();
    await page.waitForURL(/sort=amount/);
    await page.reload();
    await grid.waitFor();
    expect(await page.locator('[aria-sort="ascending"]').count()).toBe(1);
    await page.getByRole("searchbox", { name: t.list.search }).fill("no such record anywhere");
    await page.getByText(t.list.noMatch).waitFor();
    await page.getByRole("button", { name: t.list.clear }).last().click();
    await grid.waitFor();
    await context.close();
  });

  it("refuses an expression that cannot be read and says where", async () => {
    const { context, page } = await enter("/o/opportunity", { language });
    await page.getByRole("button", { name: t.list.filter }).click();
    await page.getByRole("button", { name: t.list.asExpression }).click();
    await page.getByLabel(t.list.filterHint).fill("amount >");
    await page.getByRole("button", { name: t.list.apply }).click();
    await page.getByRole("alert").filter({ hasText: "filter" }).waitFor();
    await page.getByLabel(t.list.filterHint).fill("amount > 1000 || amount == null");
    await page.getByRole("button", { name: t.list.apply }).click();
    await page.waitForURL(/filter=amount/);
    await context.close();
  });

  it("shows what people wrote as text and nothing else", async () => {
    const made = await api.call<{ id: string }>("POST", "/records/customer", { name: attack });
    const { context, page } = await enter("/o/customer?sort=-created_at", { language });
    await page.getByRole("grid").getByRole("link", { name: attack }).first().waitFor();
    await page.goto(`/o/customer/${made.id}`);
    await page.getByRole("heading", { name: attack }).waitFor();
    expect(await page.title()).toContain("<img");
    expect(await page.locator("img").count()).toBe(0);
    await context.close();
    await api.call("DELETE", `/records/customer/${made.id}`);
  });

  it("changes a value where it stands, and many at once", async () => {
    const name = `Bulk ${language} ${Date.now()}`;
    await api.call("POST", "/records/customer/batch", {
      operations: [1, 2, 3].map((n) => ({ op: "create", fields: { name: `${name} ${n}` } })),
    });
    const { context, page } = await enter(`/o/customer?q=${encodeURIComponent(name)}&sort=name`, { language });
    await page.getByRole("link", { name: `${name} 3` }).waitFor();
    // By the keyboard: into the table, down, over to the second column, and type.
    await page.locator('[data-cell="1:1"]').click();
    await page.keyboard.press("F2");
    const label =
      language === "zh"
        ? t.list.editCell.replace("{{field}}", "联系人")
        : t.list.editCell.replace("{{field}}", "Contact");
    await page.getByLabel(label).fill("Ada Lovelace");
    await page.keyboard.press("Enter");
    await page.locator('[data-cell="1:1"]').filter({ hasText: "Ada Lovelace" }).waitFor();
    await page.getByRole("checkbox", { name: t.list.selectAll }).click();
    await page.getByRole("button", { name: t.list.delete }).click();
    await expectAccessible(page, "the question before a deletion");
    await page.getByRole("alertdialog").getByRole("button", { name: t.list.delete }).click();
    await page.getByText(t.list.noMatch).waitFor();
    await page.getByRole("button", { name: t.list.undo }).click();
    await page.getByRole("link", { name: `${name} 2` }).waitFor();
    expect(await page.locator('[data-cell="1:1"]').textContent()).toBe("Ada Lovelace");
    await context.close();
  });

  it("keeps the columns that somebody chose", async () => {
    const { context, page } = await enter("/o/customer", { language });
    await page.getByRole("grid").waitFor();
    await page.getByRole("button", { name: t.list.columns, exact: true }).click();
    await page.getByRole("searchbox", { name: t.list.findField }).fill("revenue");
    await page.getByRole("dialog").getByRole("checkbox").first().click();
    const before = await page.getByRole("columnheader").count();
    await page.reload();
    await page.getByRole("grid").waitFor();
    expect(await page.getByRole("columnheader").count()).toBe(before);
    await context.close();
    expect(complaints).toEqual([]);
  });
});
