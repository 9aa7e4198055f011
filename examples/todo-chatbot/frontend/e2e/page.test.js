// The page in a real browser, with a real backend and database. Fields and buttons are found by role and name, as a screen
// reader finds them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { BASE, date, launch, look, noProblems, open, signedUp, SIZES, somebody, thisMinute } from "./browser.js";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const UNAUTHORIZED = /status of 401/;

for (const [size, options] of Object.entries(SIZES)) {
  test(`${size}: from sign-up to a reminder`, async (t) => {
    const { context, page, problems } = await open(browser, options);
    const who = somebody();

    await t.test("the landing page leads to the sign-up", async () => {
      await page.goto(BASE);
      await look(page, `${size}-landing`);
      await page.getByRole("main").getByRole("link", { name: "Start your list" }).click();
      await page.waitForURL("**/sign-up");
      await look(page, `${size}-sign-up`);
    });

    await t.test("a short password is refused, a long one starts a session", async () => {
      await page.getByLabel("E-mail address").fill(who.email);
      await page.getByLabel("Password", { exact: true }).fill("short");
      await page.getByRole("button", { name: "Sign up" }).click();
      assert.equal(await page.getByLabel("Password", { exact: true }).evaluate((field) => field.validity.tooShort), true);
      await page.getByLabel("Password", { exact: true }).fill(who.password);
      await page.getByRole("button", { name: "Sign up" }).click();
      await page.waitForURL("**/dashboard");
      await page.getByText("All done").waitFor();
      await look(page, `${size}-dashboard-empty`);
      const [cookie] = (await context.cookies()).filter(({ name }) => name === "todo_session");
      assert.ok(cookie.httpOnly, "a script can read the session's cookie");
      assert.equal(cookie.sameSite, "Lax");
    });

    await t.test("a task gets a due date and a priority", async () => {
      await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Tasks" }).click();
      await page.waitForURL("**/tasks");
      await page.getByText("Nothing to do").waitFor();
      const form = page.getByRole("form", { name: "New task" });
      await form.getByLabel("What is to be done?").fill("Pay the rent");
      await form.getByLabel("Due date").fill(await date(page, 1));
      await form.getByLabel("Priority").selectOption("High");
      await form.getByRole("button", { name: "Add task" }).click();
      const task = page.getByRole("listitem").filter({ hasText: "Pay the rent" });
      await task.getByText("Due tomorrow").waitFor();
      await task.getByText("High").waitFor();
      await form.getByLabel("What is to be done?").fill("Water the plants");
      await form.getByLabel("Due date").fill(await date(page, -2));
      await page.keyboard.press("Enter");
      await page.getByText("Overdue by 2 days").waitFor();
      await look(page, `${size}-tasks`);
    });

    await t.test("a task is changed", async () => {
      await page.getByRole("button", { name: "Edit Water the plants" }).click();
      const form = page.getByRole("form", { name: "Edit Water the plants" });
      await form.getByLabel("Title").fill("Water all plants");
      await form.getByText("Notes").click();
      await form.getByLabel("Notes").fill("Also the one on the balcony.");
      await form.getByLabel("Due date").fill(await date(page));
      await form.getByRole("button", { name: "Save" }).click();
      await page.getByText("Also the one on the balcony.").waitFor();
      await page.getByText("Due today").waitFor();
    });

    await t.test("a search finds words of titles and notes", async () => {
      await page.getByLabel("Search").fill("balcony");
      await page.getByRole("status").getByText("1 task", { exact: false }).waitFor();
      assert.equal(await page.getByText("Pay the rent").count(), 0);
      await page.waitForURL("**/tasks?q=balcony");
      await page.reload();
      await page.getByText("Also the one on the balcony.").waitFor();
      await page.getByLabel("Search").fill("no such words");
      await page.getByText("Nothing matches").waitFor();
      await page.getByRole("button", { name: "Show all open tasks" }).click();
      await page.getByText("Pay the rent").waitFor();
      assert.equal(await page.getByLabel("Search").inputValue(), "");
    });

    await t.test("the assistant adds a task and lists the tasks", async () => {
      await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Chat" }).click();
      await page.getByText("Say what you have to do").waitFor();
      await page.getByRole("button", { name: "list", exact: true }).waitFor();
      await look(page, `${size}-chat-empty`);
      const log = page.getByRole("log", { name: "Conversation" });
      await page.getByLabel("Message").fill("add buy stamps");
      await page.keyboard.press("Enter");
      await log.locator("[data-role=assistant]").filter({ hasText: "buy stamps" }).waitFor();
      await page.getByLabel("Message").fill("list");
      await page.getByRole("button", { name: "Send" }).click();
      const listing = log.locator("[data-role=assistant]").last();
      await listing.filter({ hasText: "Pay the rent" }).waitFor();
      assert.match(await listing.innerText(), /buy stamps/);
      assert.ok(await page.getByLabel("Message").evaluate((field) => field === document.activeElement));
      await look(page, `${size}-chat`);
      await page.reload();
      await log.locator("[data-role=user]").filter({ hasText: "add buy stamps" }).waitFor();
      await page.goto(`${BASE}/tasks?q=stamps`);
      await checkbox(page, "buy stamps").waitFor();
    });

    await t.test("a reminder arrives on every page until it was seen", async () => {
      await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Reminders" }).click();
      await page.getByText("Nothing is due right now").waitFor();
      const form = page.getByRole("form", { name: "New reminder" });
      await form.getByLabel("Remind me of").fill("Call the dentist");
      await form.getByRole("button", { name: "in 1 hour" }).click();
      await form.getByRole("button", { name: "Set reminder" }).click();
      await page.getByRole("region", { name: "Still to come" }).getByText("Call the dentist").waitFor();
      await form.getByLabel("Remind me of").fill("Take the cake out");
      await form.getByLabel("At").fill(await thisMinute(page));
      await form.getByRole("button", { name: "Set reminder" }).click();
      const due = page.getByRole("region", { name: "Due now" });
      await due.getByRole("button", { name: /^Dismiss.*Take the cake out/ }).waitFor();
      await look(page, `${size}-reminders`);

      await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Dashboard" }).click();
      const banner = page.getByRole("status").filter({ hasText: "Reminder: Take the cake out" });
      await banner.waitFor();
      await page.getByRole("link", { name: /^Open\s*5$/ }).waitFor();
      await look(page, `${size}-dashboard`);
      await banner.getByRole("button", { name: "Got it" }).click();
      await banner.waitFor({ state: "detached" });
      await page.reload();
      await page.getByText("Call the dentist").first().waitFor();
      assert.equal(await banner.count(), 0, "a reminder that was seen has come again");
    });

    await t.test("a task is finished, and one is deleted after a question", async () => {
      await page.goto(`${BASE}/tasks`);
      await checkbox(page, "Pay the rent").check();
      await checkbox(page, "Pay the rent").waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Delete buy stamps" }).click();
      const dialog = page.getByRole("dialog", { name: "Delete this task?" });
      await look(page, `${size}-question`);
      await dialog.getByRole("button", { name: "Cancel" }).click();
      await page.getByRole("button", { name: "Delete buy stamps" }).click();
      await dialog.getByRole("button", { name: "Delete" }).click();
      await checkbox(page, "buy stamps").waitFor({ state: "detached" });
      await page.getByLabel("Status").selectOption("Done");
      assert.ok(await checkbox(page, "Pay the rent").isChecked());
      noProblems(problems);
    });

    await t.test("after the logout the pages ask for a login", async () => {
      await page.getByRole("button", { name: "Log out" }).click();
      await page.waitForURL("**/login");
      await page.goto(`${BASE}/tasks?status=done`);
      await page.waitForURL("**/login?next=%2Ftasks%3Fstatus%3Ddone");
      await look(page, `${size}-login`);
    });

    await t.test("a wrong password is reported, the right one leads to where one wanted to go", async () => {
      await page.getByLabel("E-mail address").fill(who.email);
      await page.getByLabel("Password", { exact: true }).fill("not the password");
      await page.getByRole("button", { name: "Log in" }).click();
      const alert = page.getByRole("alert").filter({ hasText: "Wrong address or password" });
      await alert.waitFor();
      assert.ok(await alert.evaluate((element) => element === document.activeElement), "the error has not got the focus");
      await look(page, `${size}-login-failed`);
      await page.getByRole("button", { name: "Show password" }).click();
      await page.getByLabel("Password", { exact: true }).fill(who.password);
      await page.keyboard.press("Enter");
      await page.waitForURL("**/tasks?status=done");
      await checkbox(page, "Pay the rent").waitFor();
      noProblems(problems, UNAUTHORIZED);
    });
    await context.close();
  });
}

test("a long list is shown in pages", async () => {
  const { context, page, problems } = await open(browser, SIZES.desktop);
  await signedUp(page);
  for (let number = 1; number <= 21; number++) {
    await page.request.post(`${BASE}/api/tasks`, { data: { title: `Task ${String(number).padStart(2, "0")}` } });
  }
  await page.goto(`${BASE}/tasks?sort=title`);
  await page.getByText("1 to 20 of 21").waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("21 to 21 of 21").waitFor();
  await page.waitForURL("**/tasks?sort=title&page=2");
  // With its last task the last page goes too.
  await checkbox(page, "Task 21").check();
  await checkbox(page, "Task 20").waitFor();
  noProblems(problems);
  await context.close();
});

test("a session that was ended elsewhere leads to the login and back", async () => {
  const { context, page, problems } = await open(browser, SIZES.desktop);
  const who = await signedUp(page);
  await page.goto(`${BASE}/reminders`);
  await page.getByText("No reminders to come").waitFor();
  // Its cookie is still there and signed, but the API does not know it any more.
  const cookies = await context.cookies();
  await page.request.post(`${BASE}/api/auth/logout`);
  await context.addCookies(cookies);
  await page.waitForURL("**/login?ended=1&next=%2Freminders", { timeout: 15_000 });
  await page.getByText("Your session has ended").waitFor();
  await page.getByLabel("E-mail address").fill(who.email);
  await page.getByLabel("Password", { exact: true }).fill(who.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL("**/reminders");
  noProblems(problems, UNAUTHORIZED);
  await context.close();
});

test("a forged cookie shows no page", async () => {
  const { context, page } = await open(browser, SIZES.desktop);
  const expires = Math.floor(Date.now() / 1000) + 3600;
  await context.addCookies([{ name: "todo_session", value: `forged.${expires}.${"A".repeat(43)}`, url: BASE }]);
  await page.goto(`${BASE}/dashboard`);
  assert.equal(new URL(page.url()).pathname, "/login");
  await context.close();
});

test("when the server fails the page says so, and tries again when asked to", async () => {
  const { context, page, problems } = await open(browser, SIZES.phone);
  await signedUp(page);
  let fails = true;
  await page.route("**/api/tasks?**", (route) => (fails ? route.fulfill({ status: 503, json: {} }) : route.continue()));
  await page.goto(`${BASE}/tasks`);
  const alert = page.getByRole("alert").filter({ hasText: "not available right now" });
  await alert.waitFor();
  await look(page, "phone-tasks-failed");
  fails = false;
  await alert.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Nothing to do").waitFor();
  assert.equal(await alert.count(), 0);

  await page.goto(`${BASE}/chat`);
  await page.getByText("Say what you have to do").waitFor();
  await page.route("**/api/chat", (route) => route.abort());
  await page.getByLabel("Message").fill("list");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("alert").filter({ hasText: "Not sent" }).waitFor();
  assert.equal(await page.getByLabel("Message").inputValue(), "list", "what was not sent is lost");
  noProblems(problems, /status of 503/, /ERR_FAILED/);
  await context.close();
});

test("the keyboard alone is enough", async () => {
  const { context, page, problems } = await open(browser, SIZES.desktop);
  await signedUp(page);
  await page.goto(`${BASE}/tasks`);
  await page.getByText("Nothing to do").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to the content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Fold the laundry");
  await page.keyboard.press("Enter");
  await checkbox(page, "Fold the laundry").waitFor();
  assert.equal(await page.getByLabel("What is to be done?").inputValue(), "");
  await page.getByRole("button", { name: "Edit Fold the laundry" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("form", { name: "Edit Fold the laundry" }).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await focused(page), "Edit Fold the laundry");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  assert.equal(await focused(page), "Cancel");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await focused(page), "Delete Fold the laundry");
  noProblems(problems);
  await context.close();
});

test("the account: another password, and its end", async () => {
  const { context, page, problems } = await open(browser, SIZES.phone);
  const who = await signedUp(page);
  await page.goto(`${BASE}/account`);
  await page.getByRole("main").getByText(who.email).waitFor();
  await look(page, "phone-account");
  await page.getByLabel("Current password", { exact: true }).fill("not the password");
  await page.getByLabel("New password", { exact: true }).fill("another password");
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByRole("alert").filter({ hasText: /./ }).waitFor();
  await page.getByLabel("Current password", { exact: true }).fill(who.password);
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByRole("status").filter({ hasText: "Changed." }).waitFor();
  await page.getByRole("button", { name: "Delete my account" }).click();
  await page.getByRole("button", { name: "Delete everything" }).click();
  await page.waitForURL(`${BASE}/`);
  await page.goto(`${BASE}/dashboard`);
  assert.equal(new URL(page.url()).pathname, "/login");
  noProblems(problems, /status of 403/);
  await context.close();
});

describe("the landing page's animation", () => {
  const running = (page) =>
    page.evaluate(() => document.getAnimations().filter((animation) => animation.playState === "running").length);

  test("plays, and can be paused", async () => {
    const { context, page } = await open(browser, SIZES.desktop);
    await page.goto(BASE);
    assert.ok((await running(page)) > 5);
    await page.getByRole("button", { name: "Pause the animation" }).click();
    await page.getByRole("button", { name: "Play the animation" }).waitFor();
    await page.waitForFunction(() => document.getAnimations().every((animation) => animation.playState !== "running"));
    await context.close();
  });

  test("does not play for those who want no motion", async () => {
    const { context, page } = await open(browser, { ...SIZES.desktop, reducedMotion: "reduce" });
    await page.goto(BASE);
    assert.equal(await running(page), 0);
    assert.equal(await page.getByRole("button", { name: "Pause the animation" }).count(), 0);
    await context.close();
  });
});

for (const colorScheme of ["light", "dark"]) {
  test(`all pages on a small phone, ${colorScheme}`, async () => {
    const { context, page, problems } = await open(browser, { ...SIZES.phone, viewport: { width: 320, height: 640 }, colorScheme });
    await page.goto(BASE);
    await look(page, `small-${colorScheme}-landing`);
    await page.goto(`${BASE}/login`);
    await look(page, `small-${colorScheme}-login`);
    await signedUp(page);
    const tasks = [
      { title: "A".repeat(200), notes: "B".repeat(300), priority: "high", due_date: "2020-01-01" },
      { title: "Finish the report", priority: "low", due_date: await date(page, 3) },
      { title: "Bake bread", remind_at: new Date(Date.now() + 3_600_000).toISOString() },
    ];
    for (const data of tasks) await page.request.post(`${BASE}/api/tasks`, { data });
    await page.request.post(`${BASE}/api/chat`, { data: { message: "list" } });
    for (const name of ["dashboard", "tasks", "chat", "reminders", "account"]) {
      await page.goto(`${BASE}/${name}`);
      // Everything has come once the shared data is there and nothing is loading any more.
      await page.getByRole("link", { name: /somebody-/ }).waitFor();
      await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
      if (name === "chat") {
        const excess = await page.evaluate(() => document.documentElement.scrollHeight - window.innerHeight);
        assert.equal(excess, 0, "a long conversation pushes the field for the next message off the screen");
      }
      await look(page, `small-${colorScheme}-${name}`);
    }
    noProblems(problems);
    await context.close();
  });
}

test("the reader's clock counts, not the server's", async () => {
  // Another day than the server's, most of the time, and another greeting.
  for (const timezoneId of ["Pacific/Kiritimati", "Pacific/Pago_Pago"]) {
    const { context, page, problems } = await open(browser, { ...SIZES.desktop, timezoneId });
    await signedUp(page);
    const [today, yesterday] = [await date(page), await date(page, -1)];
    await page.request.post(`${BASE}/api/tasks`, { data: { title: "Due here", due_date: today } });
    await page.request.post(`${BASE}/api/tasks`, { data: { title: "Overdue here", due_date: yesterday } });
    await page.goto(`${BASE}/dashboard`);
    await page.getByText("Due today", { exact: true }).nth(1).waitFor();
    await page.getByText("Overdue by 1 day").waitFor();
    await page.getByRole("link", { name: /^Overdue\s*1$/ }).click();
    await page.waitForURL(`**/tasks?due_to=${yesterday}`);
    await checkbox(page, "Overdue here").waitFor();
    noProblems(problems);
    await context.close();
  }
});

test("an address that is no page says so", async () => {
  const { context, page } = await open(browser, SIZES.phone);
  const response = await page.goto(`${BASE}/no-such-page`);
  assert.equal(response.status(), 404);
  await look(page, "phone-not-found");
  await context.close();
});

/** The box that ticks a task. */
function checkbox(page, title) {
  return page.getByRole("checkbox", { name: title, exact: true });
}

/** Returns the name of what has the focus. */
function focused(page) {
  return page.evaluate(() => document.activeElement.ariaLabel ?? document.activeElement.textContent.trim());
}
