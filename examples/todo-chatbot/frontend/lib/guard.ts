import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { maySeePages, SESSION_COOKIE } from "./session";

async function isSignedIn(): Promise<boolean> {
  const cookie = (await cookies()).get(SESSION_COOKIE)?.value;
  return maySeePages(cookie, process.env.BETTER_AUTH_SECRET, new Date());
}

/** Sends whoever is not signed in to the login, and from there back to `path`. */
export async function requireSession(path: string): Promise<void> {
  if (!(await isSignedIn())) redirect(`/login?next=${encodeURIComponent(path)}`);
}

/** Sends whoever is signed in already on to `path`. */
export async function skipIfSignedIn(path: string): Promise<void> {
  if (await isSignedIn()) redirect(path);
}
