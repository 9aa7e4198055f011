// The documents as static pages, in a real browser.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BASE, SIZES, launch, noProblems, open } from "./browser.js";

/** Pages that are made for something else than to be read. */
const OTHERS = new Set(["404.html", "print.html", "toc.html", "errors/README.html"]);
const PICTURES = process.env.E2E_PICTURES;

let browser;
const files = new Set(await readdir(fileURLToPath(BASE), { recursive: true }));
const pages = [...files].filter((name) => name.endsWith(".html") && !OTHERS.has(name)).sort();
/** What each page has: the ids that a link can lead to, and its links. */
const found = new Map();

before(async () => {
  browser = await launch();
  const { context, page, problems } = await open(browser, SIZES.phone);
  for (const name of pages) {
    await page.goto(`${BASE}/${name}`);
    // The list of chapters is put there by a script.
    await page.locator("nav a").first().waitFor({ state: "attached" });
    found.set(
      name,
      await page.evaluate(() => ({
        ids: [...document.querySelectorAll("[id]")].map((element) => element.id),
        links: [...document.querySelectorAll("a[href], img[src]")].map((element) => element.href ?? element.src),
        text: document.querySelector("main").innerText,
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      })),
    );
    found.get(name).problems = problems.splice(0);
  }
  await context.close();
});
after(() => browser?.close());

test("each page has a text, no errors, and the width of a phone", () => {
  assert.ok(pages.length > 40, `only ${pages.length} pages`);
  for (const [name, { text, overflow, problems }] of found) {
    assert.ok(text.length > 100, `${name} is empty`);
    assert.equal(overflow, 0, `${name} scrolls sideways by ${overflow} px`);
    assert.deepEqual(problems, [], name);
  }
});

test("each link to a page leads to one, and to a heading that it has", () => {
  const broken = [];
  for (const [name, { links }] of found) {
    for (const link of links.filter((link) => link.startsWith("file:"))) {
      const [path, id] = link.split("#");
      const target = path.slice(BASE.length + 1);
      const hasPlace = !id || !found.has(target) || found.get(target).ids.includes(decodeURIComponent(id));
      if (!path.startsWith(`${BASE}/`) || !files.has(target) || !hasPlace) broken.push(`${name}: ${link.replace(BASE, "")}`);
    }
  }
  assert.deepEqual(broken, []);
});

for (const [size, options] of Object.entries(SIZES)) {
  test(`a word is found by the search on a ${size}`, async () => {
    const { context, page, problems } = await open(browser, options);
    await page.goto(`${BASE}/getting-started.html`);
    await page.locator("#mdbook-search-toggle").click();
    const results = page.locator("#mdbook-searchresults a");
    await page.locator("#mdbook-searchbar").fill("rollout");
    // Keys that come before the index is there are not heard.
    for (let tries = 0; tries < 50 && (await results.count()) === 0; tries++) {
      await page.locator("#mdbook-searchbar").press("End");
      await page.waitForTimeout(200);
    }
    await results.first().waitFor();
    if (PICTURES) await page.screenshot({ path: `${PICTURES}/book-${size}.png` });
    noProblems(problems);
    await context.close();
  });
}
