import assert from "node:assert/strict";
import { test } from "node:test";
import type { Task } from "../lib/api";
import { upcoming } from "../lib/upcoming";

const NOW = new Date("2026-11-26T12:00:00Z");

/** Answers as the API does, for tasks that have nothing but these reminders. */
function server(reminders: (string | null)[]) {
  const asked: string[] = [];
  const load = async (query: string) => {
    asked.push(query);
    const [limit, offset] = ["limit", "offset"].map((name) => Number(new URLSearchParams(query).get(name)));
    const items = reminders.map((remind_at, id) => ({ id, remind_at }) as Task).slice(offset, offset + limit);
    return { items, total: reminders.length, limit, offset };
  };
  return { asked, load };
}

test("what is still to come, in the order of its time", async () => {
  const { load } = server([null, "2026-11-27T00:00:00Z", "2026-11-26T11:59:59Z", "2026-11-26T14:00:00+01:00"]);
  assert.deepEqual((await upcoming(load, NOW)).map(({ id }) => id), [3, 1]);
});

test("all pages are asked for, and nothing without end", async () => {
  const { load, asked } = server(Array.from({ length: 201 }, () => "2027-01-01T00:00:00Z"));
  assert.equal((await upcoming(load, NOW)).length, 201);
  assert.equal(asked.length, 3);
  const shrinking = async () => ({ items: [], total: 5, limit: 100, offset: 0 });
  assert.deepEqual(await upcoming(shrinking, NOW), []);
});
