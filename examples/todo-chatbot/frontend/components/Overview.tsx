"use client";

import Link from "next/link";
import { useRef, useState, type FormEvent } from "react";
import { api, type Task } from "@/lib/api";
import { addDays, dateOf, relative } from "@/lib/time";
import { upcoming } from "@/lib/upcoming";
import { useApp } from "./AppState";
import { Icon, type IconName } from "./Icon";
import styles from "./Overview.module.css";
import { Empty, Loading, Problem } from "./Parts";
import { TaskItem } from "./TaskItem";
import taskStyles from "./Tasks.module.css";
import { useHydrated } from "./useHydrated";
import { useResource } from "./useResource";

const TASKS_SHOWN = 5;
const REMINDERS_SHOWN = 3;

/** The dashboard: how much there is, what comes next, and a field to add to it. */
export function Overview() {
  const { user, now, version, changed, fired } = useApp();
  const [problem, setProblem] = useState<string>();
  const today = useHydrated() ? dateOf(now) : "";
  const board = useResource(today && `${today} ${version} ${fired.length}`, () => loadBoard(today));
  const { data } = board;

  function toggle(task: Task) {
    const done = !task.done;
    const next = (data?.next ?? []).map((item) => (item.id === task.id ? { ...item, done } : item));
    board.replace((data) => ({ ...data, next }));
    api
      .changeTask(task.id, { done })
      .then(() => setProblem(undefined))
      .catch((error: Error) => setProblem(error.message))
      .finally(changed);
  }

  return (
    <div className="stack">
      <div>
        <h1>Dashboard</h1>
        {/* Its place is kept while the name is on its way. */}
        <p className="muted">{user ? `${greeting(now)}, ${user.email}` : "\u00a0"}</p>
      </div>
      <Problem text={problem ?? board.problem} onRetry={problem ? undefined : board.reload} />
      <ul className={styles.figures} aria-label="How much there is">
        <Figure icon="tasks" name="Open" value={data?.open} href="/tasks" />
        <Figure icon="calendar" name="Due today" value={data?.today} href={today && `/tasks?due_from=${today}&due_to=${today}`} />
        <Figure icon="flag" name="Overdue" value={data?.overdue} href={today && `/tasks?due_to=${addDays(today, -1)}`} alarm />
        <Figure icon="check" name="Done" value={data?.done} href="/tasks?status=done" />
      </ul>
      <div className={styles.columns}>
        <section className="card stack" aria-labelledby="next">
          <div className="row spread">
            <h2 id="next">Up next</h2>
            <Link href="/tasks">All tasks</Link>
          </div>
          <QuickAdd onAdded={changed} />
          {!data && !board.problem && <Loading />}
          {data?.next.length === 0 && (
            <Empty icon="check" title="All done">
              <p>Nothing is open. Enjoy the day!</p>
            </Empty>
          )}
          {data !== undefined && data.next.length > 0 && (
            <ul className={taskStyles.list}>
              {data.next.map((task) => (
                <TaskItem key={task.id} task={task} now={now} onToggle={() => toggle(task)} />
              ))}
            </ul>
          )}
        </section>
        <div className="stack">
          <section className="card stack" aria-labelledby="soon">
            <div className="row spread">
              <h2 id="soon">Reminders</h2>
              <Link href="/reminders">All reminders</Link>
            </div>
            {!data && !board.problem && <Loading lines={2} />}
            {data?.reminders.length === 0 && <p className="muted">None to come.</p>}
            {data !== undefined && data.reminders.length > 0 && (
              <ul className="stack">
                {data.reminders.map((task) => (
                  <li key={task.id} className={styles.reminder}>
                    <Icon name="bell" />
                    <p>
                      {task.title}
                      <time className="muted" dateTime={task.remind_at ?? undefined}>
                        {task.remind_at && relative(task.remind_at, now)}
                      </time>
                    </p>
                  </li>
                ))}
              </ul>
            )}
          </section>
          <section className={`card stack ${styles.assistant}`} aria-labelledby="assistant">
            <h2 id="assistant">Ask the assistant</h2>
            <p>It adds and finishes tasks for you: “add water the plants due tomorrow”.</p>
            <Link href="/chat" className={styles.ask}>
              <Icon name="chat" />
              Open the chat
            </Link>
          </section>
        </div>
      </div>
    </div>
  );
}

async function loadBoard(today: string) {
  const total = async (query: string) => (await api.tasks(`${query}&limit=1`)).total;
  const [next, dueToday, overdue, done, toCome] = await Promise.all([
    api.tasks(`status=open&sort=due&limit=${TASKS_SHOWN}`),
    total(`status=open&due_from=${today}&due_to=${today}`),
    total(`status=open&due_to=${addDays(today, -1)}`),
    total("status=done"),
    upcoming(api.tasks, new Date()),
  ]);
  return { next: next.items, open: next.total, today: dueToday, overdue, done, reminders: toCome.slice(0, REMINDERS_SHOWN) };
}

function greeting(now: Date): string {
  const hour = now.getHours();
  if (hour < 5) return "Good night";
  if (hour < 12) return "Good morning";
  return hour < 18 ? "Good afternoon" : "Good evening";
}

type FigureProps = { icon: IconName; name: string; value?: number; href: string; alarm?: boolean };

function Figure({ icon, name, value, href, alarm = false }: FigureProps) {
  return (
    <li>
      <Link href={href || "/tasks"} className={styles.figure} data-alarm={alarm && value !== undefined && value > 0}>
        <Icon name={icon} />
        <span>{name}</span>
        <strong>{value ?? "–"}</strong>
      </Link>
    </li>
  );
}

function QuickAdd({ onAdded }: { onAdded: () => void }) {
  const [title, setTitle] = useState("");
  const [problem, setProblem] = useState<string>();
  const field = useRef<HTMLInputElement>(null);

  async function add(event: FormEvent) {
    event.preventDefault();
    try {
      await api.addTask({ title: title.trim() });
      setTitle("");
      setProblem(undefined);
    } catch (error) {
      setProblem((error as Error).message);
    }
    onAdded();
    field.current?.focus();
  }

  return (
    <form aria-label="Quick add" onSubmit={add} className="stack">
      <div className={styles.quick}>
        <input
          ref={field}
          aria-label="New task"
          name="title"
          autoComplete="off"
          placeholder="Buy milk"
          maxLength={200}
          pattern=".*\S.*"
          title="Something other than blanks"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          required
        />
        <button className="button">
          <Icon name="plus" />
          Add
        </button>
      </div>
      {problem && <Problem text={problem} />}
    </form>
  );
}
