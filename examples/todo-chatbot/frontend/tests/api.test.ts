import assert from "node:assert/strict";
import { test } from "node:test";
import { reason } from "../lib/api";

const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  reason(new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers }));

test("an answer that is not a success becomes a sentence", async () => {
  assert.equal(await answer(401, { detail: "wrong address or password" }), "Wrong address or password.");
  assert.equal(await answer(422, { detail: [{ loc: ["body", "title"], msg: "too long" }] }), "Title: too long.");
  assert.equal(await answer(503, { detail: "the database is not available" }), "The server is not available right now. Try again in a moment.");
  assert.equal(await answer(500, "<html>"), "The server answered with 500.");
});

test("who has to wait learns how long", async () => {
  assert.equal(await answer(429, {}, { "Retry-After": "30" }), "Too many attempts. Try again in 30 seconds.");
  assert.equal(await answer(429, {}, { "Retry-After": "840" }), "Too many attempts. Try again in 14 minutes.");
});
