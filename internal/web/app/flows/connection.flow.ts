import { describe, expect, it } from "vitest";
import { complaints, enter, expectAccessible, texts, useBrowser } from "./setup/browser";

const t = texts.en;

describe("When the server is gone", () => {
  useBrowser();

  it("the page says so, keeps what was typed, and goes on when it is back", async () => {
    const { context, page } = await enter("/o/customer");
    await page.getByRole("grid").waitFor();
    await page.getByRole("button", { name: t.list.new }).click();
    const name = page.getByRole("dialog").getByRole("textbox", { name: "Name (Required)" });
    await name.fill("Typed before the server went");
    await context.setOffline(true);
    await page.getByText(t.connection.lost).waitFor();
    await expectAccessible(page, "a page without its server");
    await page.getByRole("dialog").getByRole("button", { name: t.record.create, exact: true }).click();
    await page.getByRole("alert").filter({ hasText: t.errors.unreachable }).waitFor();
    expect(await name.inputValue()).toBe("Typed before the server went");
    await context.setOffline(false);
    await page.getByText(t.connection.back).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: t.record.create, exact: true }).click();
    await page.getByText(t.record.created.replace("{{name}}", "Typed before the server went")).waitFor();
    await context.close();
    expect(complaints).toEqual([]);
  });

  it("a session that ended is begun again over the page, which stays as it was", async () => {
    const { context, page } = await enter("/o/customer");
    await page.getByRole("grid").waitFor();
    await page.getByRole("button", { name: t.list.new }).click();
    const name = page.getByRole("dialog").getByRole("textbox", { name: "Name (Required)" });
    await name.fill("Typed before the session ended");
    await context.clearCookies();
    await page.getByText(t.app.sessionOver).waitFor();
    await context.close();
  });
});
