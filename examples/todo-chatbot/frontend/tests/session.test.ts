import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { maySeePages, ownPath } from "../lib/session";

const SECRET = "a secret of the test";
const NOW = new Date("2026-11-26T12:00:00Z");
const IN_AN_HOUR = NOW.getTime() / 1000 + 3600;

function cookie(id: string, expires: number, secret = SECRET): string {
  return `${id}.${expires}.${createHmac("sha256", secret).update(`${id}.${expires}`).digest("base64url")}`;
}

test("a cookie with the right signature shows pages until its time is over", () => {
  assert.ok(maySeePages(cookie("id_-1", IN_AN_HOUR), SECRET, NOW));
  assert.ok(!maySeePages(cookie("id_-1", IN_AN_HOUR), SECRET, new Date(IN_AN_HOUR * 1000)));
});

test("the documented example of the signature is accepted", () => {
  // printf abc.1800000000 | openssl dgst -sha256 -hmac key -binary | basenc --base64url | tr -d =
  assert.ok(maySeePages("abc.1800000000.MiArGlT9gx4avBnPMVvXDkxONKlJg7jB5ckm5bXdKgg", "key", NOW));
});

test("nothing else shows pages", () => {
  const good = cookie("id", IN_AN_HOUR);
  const signature = good.split(".")[2];
  for (const [what, bad] of [
    ["none", undefined],
    ["an empty one", ""],
    ["another secret's", cookie("id", IN_AN_HOUR, "another")],
    ["a longer time", `id.${IN_AN_HOUR + 1}.${signature}`],
    ["another id", `di.${IN_AN_HOUR}.${signature}`],
    ["no signature", `id.${IN_AN_HOUR}.`],
    ["half a signature", good.slice(0, -20)],
    ["a time that is none", `id.soon.${signature}`],
    ["more parts", `x.${good}`],
  ] as const) {
    assert.ok(!maySeePages(bad, SECRET, NOW), what);
  }
});

test("without the secret the time alone decides", () => {
  assert.ok(maySeePages(cookie("id", IN_AN_HOUR, "any"), undefined, NOW));
  assert.ok(maySeePages(cookie("id", IN_AN_HOUR, "any"), "", NOW));
  assert.ok(!maySeePages(cookie("id", IN_AN_HOUR - 7200, "any"), undefined, NOW));
});

test("after the login only pages of ours follow", () => {
  assert.equal(ownPath("/tasks?q=milk&status=done"), "/tasks?q=milk&status=done");
  for (const bad of [undefined, "", "tasks", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/a b"]) {
    assert.equal(ownPath(bad), "/dashboard", String(bad));
  }
});
