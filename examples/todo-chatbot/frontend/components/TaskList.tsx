import { useState, type FormEvent } from "react";
import type { Task } from "@/lib/api";

type Props = {
  tasks: Task[] | undefined;
  onAdd: (title: string) => Promise<boolean>;
  onToggle: (task: Task) => void;
  onDelete: (task: Task) => void;
};

export function TaskList({ tasks, onAdd, onToggle, onDelete }: Props) {
  const [title, setTitle] = useState("");

  async function add(event: FormEvent) {
    event.preventDefault();
    if (await onAdd(title)) setTitle("");
  }

  return (
    <section aria-labelledby="tasks-heading">
      <h2 id="tasks-heading">Tasks</h2>
      <form onSubmit={add}>
        <input
          aria-label="New task"
          placeholder="What is to be done?"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          maxLength={200}
          required
        />
        <button>Add</button>
      </form>
      {tasks === undefined ? (
        <p>Loading…</p>
      ) : tasks.length === 0 ? (
        <p>Nothing to do.</p>
      ) : (
        <ul>
          {tasks.map((task) => (
            <li key={task.id}>
              <label className={task.done ? "done" : undefined}>
                <input type="checkbox" checked={task.done} onChange={() => onToggle(task)} />
                <small>#{task.id}</small> {task.title}
              </label>
              <button aria-label={`Delete ${task.title}`} onClick={() => onDelete(task)}>
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
