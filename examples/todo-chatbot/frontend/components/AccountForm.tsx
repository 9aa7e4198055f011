"use client";

import Link from "next/link";
import { useEffect, useId, useRef, useState, type FormEvent } from "react";
import { api } from "@/lib/api";
import { PasswordField } from "./PasswordField";

const WORDS = {
  login: { title: "Welcome back", button: "Log in", busy: "Logging in…", other: "No account yet?", link: "Sign up", href: "/sign-up" },
  "sign-up": {
    title: "Create your account",
    button: "Sign up",
    busy: "Creating your account…",
    other: "Already have an account?",
    link: "Log in",
    href: "/login",
  },
};

type Props = { kind: keyof typeof WORDS; next: string; note?: string };

export function AccountForm({ kind, next, note }: Props) {
  const words = WORDS[kind];
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  // Before the script runs, the browser would send the form by itself, with the password in the address.
  const [ready, setReady] = useState(false);
  const alert = useRef<HTMLParagraphElement>(null);
  const alertId = useId();

  useEffect(() => setReady(true), []);
  useEffect(() => {
    if (problem) alert.current?.focus();
  }, [problem]);

  async function enter(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await (kind === "login" ? api.login : api.signUp)({ email, password });
      // A whole new page: nothing of what was shown to someone else stays in memory.
      window.location.assign(next);
    } catch (error) {
      setProblem((error as Error).message);
      setBusy(false);
    }
  }

  return (
    <section className="card stack" aria-labelledby="title">
      <h1 id="title">{words.title}</h1>
      <noscript>
        <p className="notice">This page needs JavaScript.</p>
      </noscript>
      {note && !problem && (
        <p className="notice info" role="status">
          {note}
        </p>
      )}
      {problem && (
        <p className="notice" role="alert" id={alertId} tabIndex={-1} ref={alert}>
          {problem}
        </p>
      )}
      <form method="post" className="stack" onSubmit={enter} aria-describedby={problem && alertId}>
        <label className="field">
          <span>E-mail address</span>
          <input
            type="email"
            name="email"
            autoComplete="email"
            maxLength={254}
            value={email}
            onChange={(event) => setEmail(event.target.value)}
            required
          />
        </label>
        <PasswordField
          label="Password"
          autoComplete={kind === "login" ? "current-password" : "new-password"}
          hint={kind === "login" ? undefined : "At least 8 characters."}
          value={password}
          onChange={setPassword}
        />
        <button className="button" disabled={!ready} aria-disabled={busy}>
          {busy ? words.busy : words.button}
        </button>
      </form>
      <p className="muted">
        {words.other} <Link href={words.href}>{words.link}</Link>
      </p>
    </section>
  );
}
