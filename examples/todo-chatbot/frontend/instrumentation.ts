/** Runs once when the server starts. */
export async function register(): Promise<void> {
  if (!process.env.BETTER_AUTH_SECRET) {
    console.warn("BETTER_AUTH_SECRET is not set: pages are shown without a check of the session's signature");
  }
  // Set in the image: then Next.js leaves the signals to us.
  if (process.env.NEXT_RUNTIME === "nodejs" && process.env.NEXT_MANUAL_SIG_HANDLE) {
    const { endGracefully } = await import("./lib/draining");
    endGracefully(Number(process.env.DRAIN_SECONDS) || 0, process.exit);
  }
}
