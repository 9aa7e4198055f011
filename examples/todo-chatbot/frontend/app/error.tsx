"use client";

export default function PageError({ reset }: { reset: () => void }) {
  return (
    <main className="empty" style={{ minHeight: "100dvh", alignContent: "center" }}>
      <h1>This page has failed</h1>
      <p role="alert">Something went wrong while it was shown. What you have saved is safe.</p>
      <button type="button" className="button" onClick={reset}>
        Try again
      </button>
    </main>
  );
}
