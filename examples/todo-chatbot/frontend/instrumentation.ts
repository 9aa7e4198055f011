/** Runs once when the server starts. */
export function register(): void {
  if (!process.env.BETTER_AUTH_SECRET) {
    console.warn("BETTER_AUTH_SECRET is not set: pages are shown without a check of the session's signature");
  }
}
