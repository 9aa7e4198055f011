// The report's page in a real browser.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BASE, SIZES, launch, look, noProblems, open } from "./browser.js";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Opens the page; whatever it asks of the network fails the test. */
async function report(options) {
  const { context, page, problems } = await open(browser, options);
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(BASE);
  assert.deepEqual(requests, [BASE], "the page needs nothing but itself");
  return { context, page, problems };
}

/** Returns the ids of the items that are shown. */
const shown = (page) => page.locator(".item:visible > summary > b").allTextContents();

for (const [size, options] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`it can be read on a ${size}, ${colorScheme}`, async () => {
      const { context, page, problems } = await report({ ...options, colorScheme });
      await look(page, `report-${size}-${colorScheme}`);
      for (const summary of await page.locator("summary:visible").all()) await summary.click();
      for (const summary of await page.locator(".log > summary:visible").all()) await summary.click();
      await look(page, `report-${size}-${colorScheme}-open`);
      const [text, back] = await page.evaluate(() => {
        const light = (color) => color.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
        const style = getComputedStyle(document.body);
        return [light(style.color), light(style.backgroundColor)];
      });
      assert.equal(text < back, colorScheme === "light", `text ${text}, background ${back}`);
      noProblems(problems);
      await context.close();
    });
  }
}

test("items are searched and filtered", async () => {
  const { context, page, problems } = await report(SIZES.desktop);
  assert.deepEqual(await shown(page), ["T001", "T002", "T003"]);
  assert.equal(await page.locator("#shown").textContent(), "3 of 3 items");

  const search = page.getByLabel("Search");
  await search.fill("unmistakable");
  assert.deepEqual(await shown(page), ["T001"], "logs are searched");
  await search.fill('<FIRST> "only"');
  assert.deepEqual(await shown(page), ["T001"], "each word counts, whatever its case");
  assert.equal(await page.getByRole("heading", { name: "Phase 2: end" }).isVisible(), false);
  await search.fill("neither of them");
  assert.deepEqual(await shown(page), []);
  assert.equal(await page.locator("#shown").textContent(), "0 of 3 items");

  await search.fill("");
  await page.locator("[name=verdict][value=open]").uncheck();
  assert.deepEqual(await shown(page), ["T001", "T002"]);
  await page.locator("[name=verdict][value=failed]").uncheck();
  assert.deepEqual(await shown(page), ["T001"]);
  await page.locator("[name=verdict][value=failed]").check();
  await search.press("Enter");
  assert.deepEqual(await shown(page), ["T001", "T002"], "Enter does not leave the page");
  noProblems(problems);
  await context.close();
});

test("without scripts everything is there", async () => {
  const { context, page } = await report({ ...SIZES.desktop, javaScriptEnabled: false });
  assert.deepEqual(await shown(page), ["T001", "T002", "T003"]);
  assert.equal(await page.locator(".filters").isVisible(), false, "what needs the script is not shown");
  await context.close();
});
