import { beforeAll, describe, expect, inject, it } from "vitest";
import { complaints, enter, expectAccessible, type Language, texts, useBrowser } from "./setup/browser";
import { Api } from "./setup/seed";

const stages = {
  en: { prospecting: "Prospecting", engaging: "Engaging", won: "Won" },
  zh: { prospecting: "寻找客户", engaging: "接洽", won: "赢单" },
};

describe.each<Language>(["en", "zh"])("A board (%s)", (language) => {
  useBrowser();
  const t = texts[language];
  const stage = stages[language];
  let api: Api;
  beforeAll(async () => {
    api = await new Api(inject("tenant")).signIn();
  });
  const column = (name: string) => t.board.column.replace("{{stage}}", name);

  it("moves a card by the mouse", async () => {
    const name = `Dragged ${language} ${Date.now()}`;
    const { id } = await api.call<{ id: string }>("POST", "/records/opportunity", { name, stage: "prospecting" });
    const { context, page } = await enter(`/o/opportunity/board?q=${encodeURIComponent(name)}`, { language });
    const card = page.getByRole("group", { name, exact: true });
    await card.waitFor();
    await expectAccessible(page, "a board");
    const from = await card.boundingBox();
    const to = await page.getByRole("region", { name: column(stage.engaging) }).boundingBox();
    if (!from || !to) throw new Error("the card or the column is not in sight");
    await page.mouse.move(from.x + from.width - 30, from.y + from.height - 12);
    await page.mouse.down();
    await page.mouse.move(from.x + from.width, from.y + 30, { steps: 4 });
    await page.mouse.move(to.x + to.width / 2, to.y + 160, { steps: 10 });
    await page.mouse.up();
    await page
      .getByRole("region", { name: column(stage.engaging) })
      .getByRole("group", { name, exact: true })
      .waitFor();
    await expect
      .poll(async () => (await api.call<{ stage: string }>("GET", `/records/opportunity/${id}`)).stage)
      .toBe("engaging");
    await context.close();
  });

  it("moves a card by the keyboard, and asks for what its stage needs", async () => {
    const name = `Lifted ${language} ${Date.now()}`;
    const { id } = await api.call<{ id: string }>("POST", "/records/opportunity", {
      name,
      stage: "engaging",
      amount: "900",
    });
    const { context, page } = await enter(`/o/opportunity/board?q=${encodeURIComponent(name)}`, { language });
    const card = page.getByRole("group", { name, exact: true });
    await card.focus();
    await page.keyboard.press("Space");
    await page
      .getByText(t.board.over.replace("{{name}}", name).replace("{{stage}}", stage.engaging))
      .waitFor({ state: "attached" });
    await page.keyboard.press("ArrowRight");
    await page
      .getByText(t.board.over.replace("{{name}}", name).replace("{{stage}}", stage.won))
      .waitFor({ state: "attached" });
    await page.keyboard.press("Space");
    const gate = page.getByRole("dialog");
    await gate.locator('input[type="date"]').fill("2026-11-21");
    await gate.getByRole("button", { name: t.record.moveTo.replace("{{stage}}", stage.won) }).click();
    await page
      .getByRole("region", { name: column(stage.won) })
      .getByRole("group", { name, exact: true })
      .waitFor();
    expect(await api.call("GET", `/records/opportunity/${id}`)).toMatchObject({
      stage: "won",
      close_date: "2026-11-21",
    });
    await context.close();
    expect(complaints).toEqual([]);
  });
});
