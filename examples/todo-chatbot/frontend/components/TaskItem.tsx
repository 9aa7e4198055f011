import { useEffect, useId, useRef, useState } from "react";
import type { Task } from "@/lib/api";
import { dateOf, dueText, relative } from "@/lib/time";
import { Icon } from "./Icon";
import { PRIORITY_NAMES, TaskForm, type TaskFields } from "./TaskForm";
import styles from "./Tasks.module.css";

type Props = {
  task: Task;
  now: Date;
  onToggle: () => void;
  /** Without these the task can only be ticked. */
  onChange?: (fields: TaskFields) => Promise<unknown>;
  onDelete?: () => void;
};

export function TaskItem({ task, now, onToggle, onChange, onDelete }: Props) {
  const id = useId();
  const [editing, setEditing] = useState(false);
  const edit = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);

  // Back to where the editing began.
  useEffect(() => {
    if (wasEditing.current && !editing) edit.current?.focus();
    wasEditing.current = editing;
  }, [editing]);

  if (editing && onChange) {
    const close = () => setEditing(false);
    return (
      <li className={styles.editing}>
        <TaskForm task={task} onSave={(fields) => onChange(fields).then(close)} onCancel={close} />
      </li>
    );
  }
  return (
    <li className={styles.item} data-done={task.done}>
      <input type="checkbox" id={id} checked={task.done} onChange={onToggle} />
      <div className={styles.body}>
        <label htmlFor={id}>{task.title}</label>
        {task.notes && <p className={styles.notes}>{task.notes}</p>}
        <Facts task={task} now={now} />
      </div>
      {onChange && (
        <button ref={edit} type="button" className="icon-button" aria-label={`Edit ${task.title}`} onClick={() => setEditing(true)}>
          <Icon name="edit" />
        </button>
      )}
      {onDelete && (
        <button type="button" className="icon-button" aria-label={`Delete ${task.title}`} onClick={onDelete}>
          <Icon name="trash" />
        </button>
      )}
    </li>
  );
}

/** What is known of a task besides its title: the number by which the assistant knows it, dates, priority. */
function Facts({ task, now }: { task: Task; now: Date }) {
  const today = dateOf(now);
  const overdue = !task.done && task.due_date !== null && task.due_date < today;
  const soon = !task.done && task.due_date === today;
  return (
    <ul className={styles.facts} aria-label={`About ${task.title}`}>
      <li>#{task.id}</li>
      {task.priority !== "normal" && (
        <li data-tone={task.priority === "high" ? "warn" : undefined}>
          <Icon name="flag" size={14} />
          {PRIORITY_NAMES[task.priority]}
          <span className="only-read-out"> priority</span>
        </li>
      )}
      {task.due_date && (
        <li data-tone={overdue ? "danger" : soon ? "warn" : undefined}>
          <Icon name="calendar" size={14} />
          <time dateTime={task.due_date}>{dueText(task.due_date, today, task.done)}</time>
        </li>
      )}
      {task.remind_at && !task.done && (
        <li>
          <Icon name="bell" size={14} />
          <span className="only-read-out">Reminder </span>
          <time dateTime={task.remind_at}>{relative(task.remind_at, now)}</time>
        </li>
      )}
    </ul>
  );
}
