import { createHmac, timingSafeEqual } from "node:crypto";

/** The cookie of the page's session. The backend sets it; `ID.EXPIRES.SIGNATURE`, signed with BETTER_AUTH_SECRET. */
export const SESSION_COOKIE = "todo_session";

const FORM = /^([\w-]+\.(\d{1,12}))\.([\w-]+)$/;

/**
 * Returns whether a page may be shown to the bearer of this cookie: it is signed by the backend and not over yet. Whose
 * session it is, and whether it was ended early, only the backend knows; each call of the API asks it.
 *
 * Without the secret the signature can not be checked, and the time alone decides.
 */
export function maySeePages(cookie: string | undefined, secret: string | undefined, now: Date): boolean {
  const [, signed, expires, signature] = FORM.exec(cookie ?? "") ?? [];
  if (signed === undefined || Number(expires) * 1000 <= now.getTime()) return false;
  if (!secret) return true;
  const expected = createHmac("sha256", secret).update(signed).digest();
  const actual = Buffer.from(signature, "base64url");
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** Returns the path if it leads to a page of ours, else the dashboard: `next` comes from the address, so from anyone. */
export function ownPath(next: string | undefined): string {
  return next !== undefined && /^\/[\w-][\w\-/?=&%.]*$/.test(next) ? next : "/dashboard";
}
