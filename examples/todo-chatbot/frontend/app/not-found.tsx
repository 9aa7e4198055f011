import Link from "next/link";

export default function NotFound() {
  return (
    <main className="empty" style={{ minHeight: "100dvh", alignContent: "center" }}>
      <h1>There is no such page</h1>
      <p>The address may have a typo, or the page has moved.</p>
      <Link href="/dashboard" className="button">
        To the dashboard
      </Link>
    </main>
  );
}
