import assert from "node:assert/strict";
import { test } from "node:test";
import { addressQuery, apiQuery, isNarrowed, NO_FILTERS, readFilters } from "../lib/filters";

test("an address and its filters say the same", () => {
  const filters = {
    ...NO_FILTERS,
    q: "milk & honey",
    status: "all",
    priority: "high",
    due_from: "2026-11-01",
    due_to: "2026-11-30",
    sort: "title",
    page: 3,
  } as const;
  const query = Object.fromEntries(new URLSearchParams(addressQuery(filters)));
  assert.deepEqual(readFilters(query), filters);
  assert.equal(addressQuery(NO_FILTERS), "");
  assert.deepEqual(readFilters({}), NO_FILTERS);
});

test("what an address says wrongly is left out", () => {
  const query = { q: ["a", "b"], status: "some", priority: "urgent", due_from: "tomorrow", sort: "", page: "-2" };
  assert.deepEqual(readFilters(query), { ...NO_FILTERS, q: "a" });
});

test("the API is asked for one page, the newest first where that is wanted", () => {
  assert.equal(apiQuery(NO_FILTERS), "status=open&sort=due&limit=20&offset=0");
  const newest = { ...NO_FILTERS, q: "a b", sort: "created", page: 2 } as const;
  assert.equal(apiQuery(newest), "q=a+b&status=open&sort=created&order=desc&limit=20&offset=20");
});

test("an order or a page does not narrow the list", () => {
  assert.ok(!isNarrowed({ ...NO_FILTERS, sort: "title", page: 2 }));
  assert.ok(isNarrowed({ ...NO_FILTERS, q: "milk" }));
  assert.ok(isNarrowed({ ...NO_FILTERS, due_to: "2026-11-26" }));
});
