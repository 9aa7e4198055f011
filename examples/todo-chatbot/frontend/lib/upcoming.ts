import type { Task, TaskPage } from "./api";

const PAGE = 100;

/** Returns the open tasks whose reminder is still to come, the next one first. `load` asks the API for a page of tasks. */
export async function upcoming(load: (query: string) => Promise<TaskPage>, now: Date): Promise<Task[]> {
  const tasks: Task[] = [];
  let page: TaskPage;
  do {
    page = await load(`status=open&limit=${PAGE}&offset=${tasks.length}`);
    tasks.push(...page.items);
  } while (page.items.length > 0 && tasks.length < page.total);
  const time = (task: Task) => Date.parse(task.remind_at ?? "");
  return tasks.filter((task) => time(task) > now.getTime()).sort((one, other) => time(one) - time(other));
}
