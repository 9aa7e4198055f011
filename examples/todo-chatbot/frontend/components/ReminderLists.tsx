"use client";

import { useState, type FormEvent } from "react";
import { api, type Reminder } from "@/lib/api";
import { count, fromInput, minutesFrom, relative, toInput } from "@/lib/time";
import { upcoming } from "@/lib/upcoming";
import { useApp } from "./AppState";
import { Icon } from "./Icon";
import { Empty, Loading, Problem } from "./Parts";
import styles from "./ReminderLists.module.css";
import { useResource } from "./useResource";

const SNOOZE_MINUTES = 10;

/** The reminders: due now, still to come, and seen before. */
export function ReminderLists() {
  const { fired, now, version, changed, see } = useApp();
  const [problem, setProblem] = useState<string>();
  // Asked again too when one fires: it moves from one list to another.
  const key = `${version} ${fired.map(({ id }) => id).join()}`;
  const toCome = useResource(key, () => upcoming(api.tasks, new Date()));
  const earlier = useResource(key, async () => (await api.reminders(false)).items.filter(({ seen_at }) => seen_at !== null));

  async function attempt(action: () => Promise<unknown>) {
    try {
      await action();
      setProblem(undefined);
    } catch (error) {
      setProblem((error as Error).message);
    }
    changed();
  }

  const finish = ({ id, task_id }: Reminder) =>
    attempt(async () => {
      await api.changeTask(task_id, { done: true });
      await see(id);
    });
  const snooze = ({ id, task_id }: Reminder) =>
    attempt(async () => {
      await api.changeTask(task_id, { remind_at: minutesFrom(new Date(), SNOOZE_MINUTES) });
      await see(id);
    });

  return (
    <div className="stack">
      <h1>Reminders</h1>
      <Problem text={problem} />
      <section className="card stack" aria-labelledby="due">
        <div className="row spread">
          <h2 id="due">Due now</h2>
          {fired.length > 1 && (
            <button type="button" className="button plain small" onClick={() => void attempt(() => see())}>
              Dismiss all
            </button>
          )}
        </div>
        <div role="status">
          {fired.length === 0 ? (
            <p className="muted">Nothing is due right now.</p>
          ) : (
            <ul className={styles.list}>
              {fired.map((reminder) => (
                <li key={reminder.id} className={styles.due}>
                  <Title title={reminder.title} time={reminder.remind_at} now={now} />
                  <div className="row">
                    <Act on={reminder} name="Done" onClick={() => void finish(reminder)} />
                    <Act on={reminder} name={`In ${SNOOZE_MINUTES} minutes`} onClick={() => void snooze(reminder)} />
                    <Act on={reminder} name="Dismiss" onClick={() => void attempt(() => see(reminder.id))} />
                  </div>
                </li>
              ))}
            </ul>
          )}
        </div>
      </section>
      <section className="card stack" aria-labelledby="upcoming">
        <h2 id="upcoming">Still to come</h2>
        <NewReminder onAdded={changed} />
        <Problem text={toCome.problem} onRetry={toCome.reload} />
        {!toCome.data && !toCome.problem && <Loading lines={2} />}
        {toCome.data?.length === 0 && (
          <Empty icon="bell" title="No reminders to come">
            <p>Set one here, at any task, or in the chat.</p>
          </Empty>
        )}
        {toCome.data !== undefined && toCome.data.length > 0 && (
          <ul className={styles.list}>
            {toCome.data.map((task) => (
              <li key={task.id} className={styles.line}>
                <Title title={task.title} time={task.remind_at ?? ""} now={now} />
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`Cancel the reminder of ${task.title}`}
                  onClick={() => void attempt(() => api.changeTask(task.id, { remind_at: null }))}
                >
                  <Icon name="close" />
                </button>
              </li>
            ))}
          </ul>
        )}
      </section>
      {earlier.data !== undefined && earlier.data.length > 0 && (
        <details className="card">
          <summary className={styles.summary}>{count(earlier.data.length, "earlier reminder")}</summary>
          <ul className={styles.list}>
            {earlier.data.map((reminder) => (
              <li key={reminder.id} className={styles.line}>
                <Title title={reminder.title} time={reminder.fired_at} now={now} mail={MAIL[reminder.email]} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

const MAIL: Record<Reminder["email"], string> = {
  off: "",
  pending: ", e-mail on its way",
  sent: ", also sent by e-mail",
  failed: ", the e-mail could not be sent",
};

function Title({ title, time, now, mail = "" }: { title: string; time: string; now: Date; mail?: string }) {
  return (
    <p className={styles.title}>
      <strong>{title}</strong>
      <span className="muted">
        <time dateTime={time} title={new Date(time).toLocaleString("en-GB")}>
          {relative(time, now)}
        </time>
        {mail}
      </span>
    </p>
  );
}

function Act({ on, name, onClick }: { on: Reminder; name: string; onClick: () => void }) {
  return (
    <button type="button" className="button plain small" onClick={onClick}>
      {name}
      <span className="only-read-out">: {on.title}</span>
    </button>
  );
}

function NewReminder({ onAdded }: { onAdded: () => void }) {
  const [title, setTitle] = useState("");
  const [time, setTime] = useState("");
  const [problem, setProblem] = useState<string>();

  async function add(event: FormEvent) {
    event.preventDefault();
    try {
      await api.addTask({ title: title.trim(), remind_at: fromInput(time) });
      setTitle("");
      setTime("");
      setProblem(undefined);
    } catch (error) {
      setProblem((error as Error).message);
    }
    onAdded();
  }

  return (
    <form aria-label="New reminder" className={styles.form} onSubmit={add}>
      <label className="field">
        <span>Remind me of</span>
        <input
          name="title"
          autoComplete="off"
          maxLength={200}
          pattern=".*\S.*"
          title="Something other than blanks"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          required
        />
      </label>
      <label className="field">
        <span>At</span>
        <input type="datetime-local" name="time" value={time} onChange={(event) => setTime(event.target.value)} required />
      </label>
      <button className="button">Set reminder</button>
      <div className={styles.quick}>
        {[10, 60, 24 * 60].map((minutes) => (
          <button
            key={minutes}
            type="button"
            className="button plain small"
            onClick={() => setTime(toInput(minutesFrom(new Date(), minutes)))}
          >
            {relative(minutesFrom(new Date(0), minutes), new Date(0))}
          </button>
        ))}
      </div>
      <Problem text={problem} />
    </form>
  );
}
