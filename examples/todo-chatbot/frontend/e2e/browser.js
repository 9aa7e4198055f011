// The browser, and what is looked at on every page.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

/** The address of the page under test. */
export const BASE = required("PAGE_URL");

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Where pictures of the pages are put; none are taken without it. */
const PICTURES = process.env.E2E_PICTURES;

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} must be set: run.sh does`);
  return value;
}

export const SIZES = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true },
};

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // As root, in containers too; and nothing is asked of the network.
    args: ["--no-sandbox", "--disable-quic", "--disable-dev-shm-usage", "--disable-gpu"],
  });
}

/**
 * Opens a window of its own, without any session. Whatever its pages write to the console as an error is kept in
 * `problems`; `expected` says which of it a test provokes.
 */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "Europe/Berlin", ...options });
  // Far more than needed, also on a busy machine.
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => problems.push(error.stack ?? String(error)));
  return { context, page, problems };
}

/** Fails if the console has shown an error other than those expected, then forgets them. */
export function noProblems(problems, ...expected) {
  const others = problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)));
  problems.length = 0;
  assert.deepEqual(others, [], "errors in the browser's console");
}

/**
 * Checks the page as it is now: axe's rules of WCAG 2.1 A and AA (names of fields and buttons, contrast, headings, …), no
 * scrolling sideways, and one h1. Takes its picture where pictures are wanted.
 */
export async function look(page, name) {
  // What fades in has no contrast yet: what ends is ended, and a loop is stopped where everything shows.
  await page.evaluate(() => {
    for (const animation of document.getAnimations()) {
      const { duration, endTime } = animation.effect.getComputedTiming();
      if (endTime !== Infinity) {
        animation.finish();
      } else {
        animation.currentTime = duration * 0.85;
        animation.pause();
      }
    }
  });
  if (PICTURES) {
    await mkdir(PICTURES, { recursive: true });
    await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
  }
  const { overflow, headings, unnamed } = await page.evaluate(() => ({
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    headings: document.querySelectorAll("h1").length,
    unnamed: [...document.querySelectorAll("input, select, textarea")]
      .filter((field) => !field.labels?.length && !field.getAttribute("aria-label"))
      .map((field) => field.outerHTML),
  }));
  assert.equal(overflow, 0, `${name} scrolls sideways by ${overflow} px`);
  assert.equal(headings, 1, `${name} has ${headings} main headings`);
  assert.deepEqual(unnamed, [], `${name} has fields without a label`);
  // A page that was just led to gets its title a moment after its content.
  await page.waitForFunction(() => document.title !== "");
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
    const result = await window.axe.run(document, { runOnly: { type: "tag", values: tags } });
    return result.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html + " " + node.failureSummary).join(" | ")}`);
  });
  assert.deepEqual(violations, [], `${name} breaks rules of accessibility`);
}

let people = 0;

/** Returns the address and password of someone who is not there yet. */
export function somebody() {
  return { email: `somebody-${process.pid}-${++people}@example.org`, password: "correct horse battery" };
}

/** Signs somebody up without the form, and returns them; the window then has their session. */
export async function signedUp(page) {
  const who = somebody();
  const response = await page.request.post(`${BASE}/api/auth/sign-up`, { data: who });
  assert.equal(response.status(), 201, await response.text());
  return who;
}

/** Returns a date so many days from today, as the browser in its time zone counts. */
export function date(page, days = 0) {
  return page.evaluate((days) => {
    const moment = new Date();
    moment.setDate(moment.getDate() + days);
    return moment.toLocaleDateString("sv-SE");
  }, days);
}

/** Returns the current minute as a field for a time has it: a reminder for it is due at once. */
export function thisMinute(page) {
  return page.evaluate(() => new Date().toLocaleString("sv-SE").slice(0, 16).replace(" ", "T"));
}
