import assert from "node:assert/strict";
import { test } from "node:test";
import { addDays, count, daysBetween, dueText, fromInput, minutesFrom, relative, toInput } from "../lib/time";

// A zone with a change of the clock, so that a day that is not 24 hours long shows.
process.env.TZ = "Europe/Berlin";

test("a due date is said relative to today", () => {
  const today = "2026-10-24";
  for (const [due, text] of [
    ["2026-10-24", "Due today"],
    ["2026-10-25", "Due tomorrow"],
    ["2026-10-26", "Due Mon 26 Oct"],
    ["2027-01-05", "Due Tue 5 Jan 2027"],
    ["2026-10-23", "Overdue by 1 day"],
    ["2026-09-24", "Overdue by 30 days"],
  ]) {
    assert.equal(dueText(due, today), text, due);
  }
});

test("what is done is not overdue", () => {
  assert.equal(dueText("2026-10-23", "2026-10-24", true), "Due Fri 23 Oct");
});

test("days are counted over a change of the clock and of the year", () => {
  assert.equal(addDays("2026-10-24", 1), "2026-10-25");
  assert.equal(addDays("2026-10-25", 1), "2026-10-26");
  assert.equal(addDays("2026-12-31", 1), "2027-01-01");
  assert.equal(addDays("2026-03-01", -1), "2026-02-28");
  assert.equal(daysBetween("2026-10-24", "2026-10-26"), 2);
  assert.equal(daysBetween("2027-01-01", "2026-12-31"), -1);
});

test("a time is said relative to now", () => {
  const now = new Date("2026-11-26T12:00:00Z");
  for (const [time, text] of [
    ["2026-11-26T12:00:10Z", "just now"],
    ["2026-11-26T12:00:40Z", "in 1 minute"],
    ["2026-11-26T12:10:00Z", "in 10 minutes"],
    ["2026-11-26T12:59:40Z", "in 1 hour"],
    ["2026-11-26T10:00:00Z", "2 hours ago"],
    ["2026-11-27T11:40:00Z", "in 1 day"],
    ["2026-11-29T08:05:00Z", "29 Nov, 09:05"],
  ]) {
    assert.equal(relative(time, now), text, time);
  }
});

test("a field for a time shows the reader's clock and sends the world's", () => {
  assert.equal(fromInput("2026-07-01T09:30"), "2026-07-01T07:30:00Z");
  assert.equal(fromInput("2026-12-01T09:30"), "2026-12-01T08:30:00Z");
  assert.equal(toInput("2026-12-01T08:30:00Z"), "2026-12-01T09:30");
  assert.equal(toInput("2026-12-31T23:30:00Z"), "2027-01-01T00:30");
  assert.equal(fromInput(""), null);
  assert.equal(toInput(null), "");
});

test("minutes from now", () => {
  assert.equal(minutesFrom(new Date("2026-11-26T23:55:01.5Z"), 10), "2026-11-27T00:05:01Z");
});

test("one and many", () => {
  assert.equal(count(1, "task"), "1 task");
  assert.equal(count(0, "task"), "0 tasks");
});
