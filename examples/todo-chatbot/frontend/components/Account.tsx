import { useState, type FormEvent } from "react";
import type { User } from "@/lib/api";

type Enter = (email: string, password: string) => Promise<boolean>;

type Props = {
  user: User | null;
  onSignUp: Enter;
  onLogin: Enter;
  onLogout: () => void;
};

export function Account({ user, onSignUp, onLogin, onLogout }: Props) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");

  async function enter(event: FormEvent, how: Enter) {
    event.preventDefault();
    if (await how(email, password)) setPassword("");
  }

  if (user) {
    return (
      <p className="account">
        {user.email} <button onClick={onLogout}>Log out</button>
      </p>
    );
  }
  return (
    <details className="account">
      <summary>Guest list: sign up or log in for a list of your own</summary>
      <form onSubmit={(event) => enter(event, onLogin)}>
        <input
          type="email"
          aria-label="E-mail address"
          placeholder="you@example.org"
          autoComplete="email"
          value={email}
          onChange={(event) => setEmail(event.target.value)}
          required
        />
        <input
          type="password"
          aria-label="Password"
          placeholder="Password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          minLength={8}
          required
        />
        <button>Log in</button>
        <button
          type="button"
          onClick={(event) => {
            if (event.currentTarget.form?.reportValidity()) void enter(event, onSignUp);
          }}
        >
          Sign up
        </button>
      </form>
    </details>
  );
}
