export type Task = { id: number; title: string; done: boolean; remind_at: string | null };
export type User = { id: number; email: string };
export type ChatReply = { reply: string; changed: boolean };

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`/api${path}`, {
    method,
    headers: body === undefined ? undefined : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
  });
  if (!response.ok) {
    throw new ApiError(response.status, await reason(response));
  }
  return response.status === 204 ? (undefined as T) : response.json();
}

async function reason(response: Response): Promise<string> {
  const { detail } = await response.json().catch(() => ({}));
  if (Array.isArray(detail)) {
    return detail.map((problem) => `${problem.loc?.at(-1)}: ${problem.msg}`).join("; ");
  }
  return detail ?? `the server answered ${response.status}`;
}

export const api = {
  tasks: () => call<Task[]>("GET", "/tasks"),
  reminders: () => call<Task[]>("GET", "/reminders"),
  addTask: (title: string) => call<Task>("POST", "/tasks", { title }),
  setDone: (id: number, done: boolean) => call<Task>("PATCH", `/tasks/${id}`, { done }),
  deleteTask: (id: number) => call<void>("DELETE", `/tasks/${id}`),
  chat: (message: string) => call<ChatReply>("POST", "/chat", { message }),
  me: () => call<User | null>("GET", "/auth/me"),
  signUp: (email: string, password: string) =>
    call<{ user: User }>("POST", "/auth/sign-up", { email, password }),
  login: (email: string, password: string) =>
    call<{ user: User }>("POST", "/auth/login", { email, password }),
  logout: () => call<void>("POST", "/auth/logout"),
};
