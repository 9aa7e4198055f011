"use client";

import { useCallback, useEffect, useState } from "react";
import { Account } from "@/components/Account";
import { Chat } from "@/components/Chat";
import { TaskList } from "@/components/TaskList";
import { api, ApiError, type Task, type User } from "@/lib/api";

const REMINDER_INTERVAL_MS = 30_000;

export function TodoApp() {
  const [user, setUser] = useState<User | null>(null);
  const [tasks, setTasks] = useState<Task[]>();
  const [due, setDue] = useState<Task[]>([]);
  const [problem, setProblem] = useState<string>();

  /** Does something, then shows the tasks as they are, or why it did not work. */
  const attempt = useCallback(async (action?: () => Promise<unknown>): Promise<boolean> => {
    try {
      await action?.();
      setProblem(undefined);
      const [tasks, due] = await Promise.all([api.tasks(), api.reminders()]);
      setTasks(tasks);
      setDue(due);
      return true;
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      return false;
    }
  }, []);

  const loadUser = useCallback(async () => {
    try {
      setUser(await api.me());
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      await api.logout();
      setUser(null);
    }
  }, []);

  useEffect(() => {
    void attempt(loadUser);
    const timer = setInterval(() => void attempt(), REMINDER_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [attempt, loadUser]);

  return (
    <>
      <Account
        user={user}
        onSignUp={(email, password) =>
          attempt(async () => setUser((await api.signUp(email, password)).user))
        }
        onLogin={(email, password) =>
          attempt(async () => setUser((await api.login(email, password)).user))
        }
        onLogout={() =>
          attempt(async () => {
            await api.logout();
            setUser(null);
          })
        }
      />
      {problem && <p role="alert">{problem}</p>}
      {due.length > 0 && (
        <p role="status">Due now: {due.map((task) => task.title).join(", ")}</p>
      )}
      <div className="columns">
        <TaskList
          tasks={tasks}
          onAdd={(title) => attempt(() => api.addTask(title))}
          onToggle={(task) => attempt(() => api.setDone(task.id, !task.done))}
          onDelete={(task) => attempt(() => api.deleteTask(task.id))}
        />
        <Chat key={user?.id ?? "guest"} onChange={() => void attempt()} />
      </div>
    </>
  );
}
