import type { Page } from "playwright-core";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { complaints, enter, expectAccessible, type Language, texts, useBrowser } from "./setup/browser";
import { Api } from "./setup/seed";

const lane = (page: Page, stage: string) => page.locator(`[data-stage="${stage}"]`);
const card = (page: Page, stage: string, name: string) => lane(page, stage).getByRole("link", { name, exact: true });

/** Carries a card with the mouse, as somebody does: a little at first, then over the lane. */
async function drag(page: Page, from: { x: number; y: number }, to: { x: number; y: number }): Promise<void> {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + 12, from.y + 4, { steps: 3 });
  await page.mouse.move(to.x, to.y, { steps: 12 });
  await page.mouse.up();
}

const middle = (box: { x: number; y: number; width: number; height: number } | null) => {
  if (!box) throw new Error("it is not on the page");
  return { x: box.x + box.width / 2, y: box.y + Math.min(box.height / 2, 120) };
};

describe.each<Language>(["en", "zh"])("A board (%s)", (language) => {
  useBrowser();
  const t = texts[language];
  let api: Api;
  const stageOf = async (id: string) => (await api.call<{ stage: string }>("GET", `/records/opportunity/${id}`)).stage;
  const make = async (fields: Record<string, unknown>) => {
    const name = `Board ${language} ${crypto.randomUUID().slice(0, 8)}`;
    const { id } = await api.call<{ id: string }>("POST", "/records/opportunity", {
      name,
      stage: "prospecting",
      ...fields,
    });
    return { id, name, path: `/o/opportunity/board?q=${encodeURIComponent(name)}` };
  };
  beforeAll(async () => {
    api = await new Api(inject("tenant")).signIn();
  });

  it("shows each stage with its cards, their number and their worth", async () => {
    const { name, path } = await make({ amount: "123000" });
    const { context, page } = await enter("/o/opportunity", { language });
    await page.getByRole("link", { name: t.list.board }).click();
    await page.waitForURL(/\/o\/opportunity\/board/);
    await lane(page, "won").getByRole("link").first().waitFor();
    await expectAccessible(page, "a board");
    await page.goto(path);
    await card(page, "prospecting", name).waitFor();
    const [amount, weighted] = language === "zh" ? ["12.3万", "1.2万"] : ["$123K", "$12.3K"];
    await lane(page, "prospecting").getByText(amount, { exact: false }).first().waitFor();
    await lane(page, "prospecting")
      .getByText(t.board.weighted.replace("{{amount}}", ""), { exact: false })
      .filter({ hasText: weighted })
      .waitFor();
    await lane(page, "won").getByText(t.board.empty).waitFor();
    await context.close();
  });

  it("lets the mouse carry a card to another stage, at once", async () => {
    const { id, name, path } = await make({});
    const { context, page } = await enter(path, { language });
    const from = middle(await card(page, "prospecting", name).boundingBox());
    await drag(page, from, middle(await lane(page, "engaging").boundingBox()));
    await card(page, "engaging", name).waitFor();
    await page.getByText(t.record.moved.replace("{{stage}}", language === "zh" ? "接洽" : "Engaging")).waitFor();
    expect(await stageOf(id)).toBe("engaging");
    await context.close();
  });

  it("lets the keyboard do the same, and says aloud what happens", async () => {
    const { id, name, path } = await make({});
    const { context, page } = await enter(path, { language });
    await card(page, "prospecting", name).focus();
    const said = page.locator('[id^="DndLiveRegion"]');
    await page.keyboard.press("Space");
    const lifted = t.board.lifted.replace("{{name}}", name);
    await said
      .filter({ hasText: lifted.replace("{{stage}}", language === "zh" ? "寻找客户" : "Prospecting") })
      .waitFor();
    await page.keyboard.press("ArrowRight");
    const over = t.board.over.replace("{{name}}", name);
    await said.filter({ hasText: over.replace("{{stage}}", language === "zh" ? "接洽" : "Engaging") }).waitFor();
    await page.keyboard.press("Escape");
    await said.filter({ hasText: t.board.cancelled.replace("{{name}}", name) }).waitFor();
    await card(page, "prospecting", name).waitFor();
    await page.keyboard.press("Space");
    await said
      .filter({ hasText: lifted.replace("{{stage}}", language === "zh" ? "寻找客户" : "Prospecting") })
      .waitFor();
    await page.keyboard.press("ArrowRight");
    await said.filter({ hasText: over.replace("{{stage}}", language === "zh" ? "接洽" : "Engaging") }).waitFor();
    await page.keyboard.press("Space");
    await card(page, "engaging", name).waitFor();
    // The focus goes with the card.
    await page.waitForFunction((text) => document.activeElement?.textContent === text, name);
    expect(await stageOf(id)).toBe("engaging");
    await context.close();
  });

  it("asks on the spot for what a stage wants, and goes on then", async () => {
    const { id, name, path } = await make({});
    const { context, page } = await enter(path, { language });
    await page.getByRole("button", { name: t.board.moveCard.replace("{{name}}", name) }).click();
    const won = language === "zh" ? "赢单" : "Won";
    await page.getByRole("menuitem", { name: won }).click();
    const asked = page.getByRole("dialog");
    await asked.getByText(t.record.gateTitle.replace("{{stage}}", won)).waitFor();
    await expectAccessible(page, "the question of a gate on a board");
    expect(await stageOf(id)).toBe("prospecting");
    await asked.getByRole("textbox").first().fill("5000");
    await asked.locator('input[type="date"]').fill("2026-12-01");
    await asked.getByRole("button", { name: t.record.moveTo.replace("{{stage}}", won) }).click();
    await card(page, "won", name).waitFor();
    expect(await card(page, "prospecting", name).count()).toBe(0);
    await lane(page, "won").locator("[data-card]").filter({ hasText: "5,000" }).waitFor();
    expect(await stageOf(id)).toBe("won");
    await context.close();
  });

  it("puts a card back when the server refuses the move", async () => {
    const { id, name, path } = await make({});
    const { context, page } = await enter(path, { language });
    await card(page, "prospecting", name).waitFor();
    await page.route(`**/records/opportunity/${id}`, (route) =>
      route.request().method() === "PATCH"
        ? route.fulfill({
            status: 403,
            contentType: "application/problem+json",
            body: JSON.stringify({ status: 403, title: "Forbidden", detail: "that is not yours to move" }),
          })
        : route.fallback(),
    );
    const from = middle(await card(page, "prospecting", name).boundingBox());
    await drag(page, from, middle(await lane(page, "lost").boundingBox()));
    await page.getByRole("region").getByText("that is not yours to move").waitFor();
    await card(page, "prospecting", name).waitFor();
    expect(await card(page, "lost", name).count()).toBe(0);
    await context.close();
  });

  it("fits a telephone", async () => {
    const { context, page } = await enter("/o/opportunity/board", { language, width: 375, height: 720, dark: true });
    await lane(page, "prospecting").getByRole("link").first().waitFor();
    await expectAccessible(page, "a board on a telephone in the dark");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(375);
    await context.close();
    expect(complaints).toEqual([]);
  });
});

describe("A stage with thousands of cards", () => {
  useBrowser();

  it("draws those in sight and reads on while one scrolls", async () => {
    const { context, page } = await enter("/o/opportunity/board");
    const cards = lane(page, "won").getByRole("list");
    await cards.getByRole("link").first().waitFor();
    const scroller = cards.locator("xpath=..");
    await scroller.evaluate((element) => {
      element.scrollTop = element.scrollHeight;
    });
    await page.waitForFunction(() => {
      const items = [...document.querySelectorAll('[data-stage="won"] li')];
      return items.some((item) => Number(item.getAttribute("aria-posinset")) > 52);
    });
    expect(await cards.getByRole("listitem").count()).toBeLessThan(40);
    await context.close();
  });
});
