"use client";

import { useState, type FormEvent } from "react";
import { api } from "@/lib/api";
import { useApp } from "./AppState";
import { Problem } from "./Parts";
import { PasswordField } from "./PasswordField";
import { useConfirm } from "./useConfirm";

/** The account: another password, and its end. */
export function AccountSettings() {
  const { user } = useApp();
  const [confirm, dialog] = useConfirm();
  const [problem, setProblem] = useState<string>();

  async function remove() {
    const text = "All tasks, reminders and conversations go with it. This can not be undone.";
    if (!(await confirm("Delete your account?", text, "Delete everything"))) return;
    try {
      await api.deleteAccount();
      window.location.assign("/");
    } catch (error) {
      setProblem((error as Error).message);
    }
  }

  return (
    <div className="stack" style={{ maxWidth: "32rem" }}>
      <div>
        <h1>Account</h1>
        <p className="muted">{user?.email ?? "\u00a0"}</p>
      </div>
      <PasswordForm />
      <section className="card stack" aria-labelledby="end">
        <h2 id="end">Delete the account</h2>
        <p className="muted">Deletes it with everything that belongs to it.</p>
        <Problem text={problem} />
        <div>
          <button type="button" className="button danger" onClick={() => void remove()}>
            Delete my account
          </button>
        </div>
      </section>
      {dialog}
    </div>
  );
}

function PasswordForm() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [problem, setProblem] = useState<string>();
  const [done, setDone] = useState(false);

  async function change(event: FormEvent) {
    event.preventDefault();
    setDone(false);
    try {
      await api.changePassword(current, next);
      setCurrent("");
      setNext("");
      setProblem(undefined);
      setDone(true);
    } catch (error) {
      setProblem((error as Error).message);
    }
  }

  return (
    <form className="card stack" onSubmit={change} aria-labelledby="password">
      <h2 id="password">Change the password</h2>
      <PasswordField label="Current password" autoComplete="current-password" value={current} onChange={setCurrent} />
      <PasswordField label="New password" autoComplete="new-password" hint="At least 8 characters." value={next} onChange={setNext} />
      <Problem text={problem} />
      <p role="status">{done && "Changed. Other devices have to log in again."}</p>
      <div>
        <button className="button">Change the password</button>
      </div>
    </form>
  );
}
