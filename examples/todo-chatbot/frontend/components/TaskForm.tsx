import { useEffect, useRef, useState, type FormEvent } from "react";
import { PRIORITIES, type Priority, type Task } from "@/lib/api";
import { fromInput, toInput } from "@/lib/time";
import { Icon } from "./Icon";
import { Problem } from "./Parts";
import styles from "./Tasks.module.css";

export type TaskFields = Pick<Task, "title" | "notes" | "priority" | "due_date" | "remind_at">;

const NEW: TaskFields = { title: "", notes: "", priority: "normal", due_date: null, remind_at: null };

type Props = {
  /** The task to edit; without it the form adds tasks, one after the other. */
  task?: Task;
  onSave: (fields: TaskFields) => Promise<unknown>;
  onCancel?: () => void;
};

export function TaskForm({ task, onSave, onCancel }: Props) {
  const [fields, setFields] = useState<TaskFields>(task ?? NEW);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const title = useRef<HTMLInputElement>(null);
  const set = (changes: Partial<TaskFields>) => setFields((fields) => ({ ...fields, ...changes }));

  useEffect(() => {
    if (task) title.current?.focus();
  }, [task]);

  async function save(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    try {
      const { title: text, notes, priority, due_date, remind_at } = fields;
      await onSave({ title: text.trim(), notes, priority, due_date, remind_at });
      setProblem(undefined);
      if (!task) setFields(NEW);
    } catch (error) {
      setProblem((error as Error).message);
    }
    setBusy(false);
    title.current?.focus();
  }

  return (
    <form
      className={styles.form}
      aria-label={task ? `Edit ${task.title}` : "New task"}
      onSubmit={save}
      onKeyDown={(event) => event.key === "Escape" && onCancel?.()}
    >
      <label className={`field ${styles.wide}`}>
        <span>{task ? "Title" : "What is to be done?"}</span>
        <input
          ref={title}
          name="title"
          autoComplete="off"
          maxLength={200}
          pattern=".*\S.*"
          title="Something other than blanks"
          value={fields.title}
          onChange={(event) => set({ title: event.target.value })}
          required
        />
      </label>
      <label className="field">
        <span>Due date</span>
        <input type="date" name="due_date" value={fields.due_date ?? ""} onChange={(event) => set({ due_date: event.target.value || null })} />
      </label>
      <label className="field">
        <span>Priority</span>
        <select name="priority" value={fields.priority} onChange={(event) => set({ priority: event.target.value as Priority })}>
          {PRIORITIES.map((priority) => (
            <option key={priority} value={priority}>
              {PRIORITY_NAMES[priority]}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>Remind me at</span>
        <input
          type="datetime-local"
          name="remind_at"
          value={toInput(fields.remind_at)}
          onChange={(event) => set({ remind_at: fromInput(event.target.value) })}
        />
      </label>
      <details className={styles.wide} open={task !== undefined && task.notes !== ""}>
        <summary>Notes</summary>
        <textarea
          aria-label="Notes"
          name="notes"
          rows={3}
          maxLength={5000}
          value={fields.notes}
          onChange={(event) => set({ notes: event.target.value })}
        />
      </details>
      <Problem text={problem} className={styles.wide} />
      <div className={`row ${styles.wide}`}>
        <button className="button" aria-disabled={busy}>
          {!task && <Icon name="plus" />}
          {task ? "Save" : "Add task"}
        </button>
        {onCancel && (
          <button type="button" className="button plain" onClick={onCancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}

export const PRIORITY_NAMES: Record<Priority, string> = { low: "Low", normal: "Normal", high: "High" };
