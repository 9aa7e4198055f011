"use client";

import { useEffect, useState } from "react";
import { api, type Task } from "@/lib/api";
import { addressQuery, apiQuery, isNarrowed, NO_FILTERS, PAGE_SIZE, SORTS, STATUSES, type Filters } from "@/lib/filters";
import { count } from "@/lib/time";
import { useApp } from "./AppState";
import { Icon } from "./Icon";
import { Empty, Loading, Problem } from "./Parts";
import { PRIORITY_NAMES, TaskForm, type TaskFields } from "./TaskForm";
import { TaskItem } from "./TaskItem";
import styles from "./Tasks.module.css";
import { useConfirm } from "./useConfirm";
import { useResource } from "./useResource";

const TYPING_MS = 250;

/** All tasks: adding, finding, changing and deleting them. */
export function TaskBoard({ initial }: { initial: Filters }) {
  const { now, version, changed } = useApp();
  const [filters, setFilters] = useState(initial);
  const [problem, setProblem] = useState<string>();
  const [announcement, setAnnouncement] = useState("");
  const [confirm, dialog] = useConfirm();

  const query = apiQuery(filters);
  const tasks = useResource(`${query} ${version}`, () => api.tasks(query));
  const { data } = tasks;

  function show(changes: Partial<Filters>) {
    const next = { ...filters, page: 1, ...changes };
    setFilters(next);
    const address = addressQuery(next);
    window.history.replaceState(null, "", address === "" ? "/tasks" : `/tasks?${address}`);
  }

  // The last task of the last page is gone: show the page before it.
  useEffect(() => {
    if (data && data.items.length === 0 && data.total > 0) show({ page: Math.ceil(data.total / PAGE_SIZE) });
  }, [data]);

  async function add(fields: TaskFields) {
    const task = await api.addTask(fields);
    setAnnouncement(`Added ${task.title}.`);
    changed();
  }

  async function change(task: Task, fields: TaskFields) {
    await api.changeTask(task.id, fields);
    setAnnouncement(`Saved ${fields.title}.`);
    changed();
  }

  /** Does something that has no form in which to report a failure. */
  async function attempt(what: string, action: () => Promise<unknown>) {
    try {
      await action();
      setProblem(undefined);
      setAnnouncement(what);
    } catch (error) {
      setProblem((error as Error).message);
    }
    changed();
  }

  function toggle(task: Task) {
    const done = !task.done;
    const replaced = (item: Task) => (item.id === task.id ? { ...item, done } : item);
    tasks.replace((page) => ({ ...page, items: page.items.map(replaced) }));
    void attempt(`${done ? "Done" : "Open again"}: ${task.title}.`, () => api.changeTask(task.id, { done }));
  }

  async function remove(task: Task) {
    if (await confirm("Delete this task?", `“${task.title}” can not be brought back.`, "Delete")) {
      await attempt(`Deleted ${task.title}.`, () => api.deleteTask(task.id));
    }
  }

  return (
    <div className="stack">
      <h1>Tasks</h1>
      <section className="card" aria-label="Add a task">
        <TaskForm onSave={add} />
      </section>
      <section className="card stack" aria-labelledby="list">
        <div className="row spread">
          <h2 id="list">{STATUSES[filters.status]} tasks</h2>
          <p className="muted" role="status">
            {data && count(data.total, "task")}
            <span className="only-read-out"> {announcement}</span>
          </p>
        </div>
        <FilterFields filters={filters} onShow={show} />
        <Problem text={problem ?? tasks.problem} onRetry={problem ? undefined : tasks.reload} />
        {!data && !tasks.problem && <Loading />}
        {data && data.items.length > 0 && (
          <ul className={styles.list}>
            {data.items.map((task) => (
              <TaskItem
                key={task.id}
                task={task}
                now={now}
                onToggle={() => toggle(task)}
                onChange={(fields) => change(task, fields)}
                onDelete={() => void remove(task)}
              />
            ))}
          </ul>
        )}
        {data?.total === 0 &&
          (isNarrowed(filters) ? (
            <Empty icon="search" title="Nothing matches">
              <button type="button" className="button plain small" onClick={() => show(NO_FILTERS)}>
                Show all open tasks
              </button>
            </Empty>
          ) : (
            <Empty icon="tasks" title="Nothing to do">
              <p>Add a task above, or say it to the assistant.</p>
            </Empty>
          ))}
        {data && data.total > PAGE_SIZE && <Pages total={data.total} page={filters.page} onShow={(page) => show({ page })} />}
      </section>
      {dialog}
    </div>
  );
}

type FilterProps = { filters: Filters; onShow: (changes: Partial<Filters>) => void };

function FilterFields({ filters, onShow }: FilterProps) {
  const [words, setWords] = useState(filters.q);

  // Once the typing pauses.
  useEffect(() => {
    if (words.trim() === filters.q) return;
    const timer = setTimeout(() => onShow({ q: words.trim() }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [words]);
  // The words were taken away by something else than typing.
  useEffect(() => {
    if (filters.q === "") setWords("");
  }, [filters.q]);

  return (
    <form
      role="search"
      aria-label="Find tasks"
      className={styles.filters}
      onSubmit={(event) => {
        event.preventDefault();
        onShow({ q: words.trim() });
      }}
    >
      <label className="field">
        <span>Search</span>
        <span className={styles.search}>
          <Icon name="search" />
          <input type="search" name="q" maxLength={200} value={words} onChange={(event) => setWords(event.target.value)} />
        </span>
      </label>
      <Choice label="Status" value={filters.status} names={STATUSES} onChange={(status) => onShow({ status })} />
      <Choice
        label="With priority"
        value={filters.priority}
        names={{ "": "Any", ...PRIORITY_NAMES }}
        onChange={(priority) => onShow({ priority })}
      />
      <Choice label="Sorted by" value={filters.sort} names={SORTS} onChange={(sort) => onShow({ sort })} />
      {(filters.due_from || filters.due_to) && (
        <button type="button" className="button plain small" onClick={() => onShow({ due_from: "", due_to: "" })}>
          <Icon name="close" size={16} />
          {dueRange(filters)}
          <span className="only-read-out">: show all dates</span>
        </button>
      )}
    </form>
  );
}

function dueRange({ due_from, due_to }: Filters): string {
  if (due_from === due_to) return `Due on ${due_from}`;
  if (due_from === "") return `Due until ${due_to}`;
  return due_to === "" ? `Due from ${due_from}` : `Due ${due_from} to ${due_to}`;
}

type ChoiceProps<T extends string> = {
  label: string;
  value: T;
  names: Record<T, string>;
  onChange: (value: T) => void;
};

function Choice<T extends string>({ label, value, names, onChange }: ChoiceProps<T>) {
  return (
    <label className="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value as T)}>
        {(Object.entries(names) as [T, string][]).map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Pages({ total, page, onShow }: { total: number; page: number; onShow: (page: number) => void }) {
  const last = Math.ceil(total / PAGE_SIZE);
  const from = (page - 1) * PAGE_SIZE + 1;
  return (
    <nav aria-label="Pages of the list" className="row spread">
      <button type="button" className="button plain small" disabled={page === 1} onClick={() => onShow(page - 1)}>
        Previous
      </button>
      <p className="muted">
        {from} to {Math.min(page * PAGE_SIZE, total)} of {total}
      </p>
      <button type="button" className="button plain small" disabled={page >= last} onClick={() => onShow(page + 1)}>
        Next
      </button>
    </nav>
  );
}
