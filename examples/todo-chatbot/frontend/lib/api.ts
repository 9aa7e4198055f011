// What the backend offers, as the browser calls it: at /api of the page's own address.

export const PRIORITIES = ["low", "normal", "high"] as const;
export type Priority = (typeof PRIORITIES)[number];

export type User = { id: number; email: string; created_at: string };
export type Task = {
  id: number;
  title: string;
  notes: string;
  done: boolean;
  priority: Priority;
  due_date: string | null;
  remind_at: string | null;
  created_at: string;
  updated_at: string;
  done_at: string | null;
};
export type TaskChanges = Partial<Pick<Task, "title" | "notes" | "done" | "priority" | "due_date" | "remind_at">>;
export type TaskPage = { items: Task[]; total: number; limit: number; offset: number };
export type Reminder = {
  id: number;
  task_id: number;
  title: string;
  remind_at: string;
  fired_at: string;
  seen_at: string | null;
  email: "off" | "pending" | "sent" | "failed";
};
export type ChatReply = {
  reply: string;
  changed: boolean;
  engine: "model" | "built-in";
  tools: { name: string; ok: boolean }[];
};
export type Line = { id: number; role: "user" | "assistant"; text: string; created_at: string };

/** An answer that is not a success: `message` can be shown to the user. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Dispatched on `window` when the API does not know the session any more. */
export const SESSION_ENDED = "session-ended";

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      headers: body === undefined ? undefined : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
    });
  } catch {
    throw new ApiError(0, "The server can not be reached. Check your connection and try again.");
  }
  if (response.ok) return response.status === 204 ? (undefined as T) : response.json();
  if (response.status === 401 && path !== "/auth/login") window.dispatchEvent(new Event(SESSION_ENDED));
  throw new ApiError(response.status, await reason(response));
}

/** Returns the sentence that explains an answer which is not a success. */
export async function reason(response: Response): Promise<string> {
  if (response.status === 429) {
    const seconds = Number(response.headers.get("Retry-After")) || 60;
    const wait = seconds > 90 ? `${Math.ceil(seconds / 60)} minutes` : `${seconds} seconds`;
    return `Too many attempts. Try again in ${wait}.`;
  }
  if (response.status === 502 || response.status === 503) {
    return "The server is not available right now. Try again in a moment.";
  }
  const { detail } = await response.json().catch(() => ({}));
  if (Array.isArray(detail)) {
    return detail.map((problem) => sentence(`${problem.loc?.at(-1)}: ${problem.msg}`)).join(" ");
  }
  return typeof detail === "string" ? sentence(detail) : `The server answered with ${response.status}.`;
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

type Credentials = { email: string; password: string };

export const api = {
  signUp: (who: Credentials) => call<{ user: User }>("POST", "/auth/sign-up", who),
  login: (who: Credentials) => call<{ user: User }>("POST", "/auth/login", who),
  logout: () => call<void>("POST", "/auth/logout"),
  me: () => call<User>("GET", "/auth/me"),
  changePassword: (current: string, next: string) => call<void>("POST", "/auth/password", { current, new: next }),
  deleteAccount: () => call<void>("DELETE", "/auth/me"),

  tasks: (query: string) => call<TaskPage>("GET", `/tasks?${query}`),
  addTask: (task: TaskChanges & { title: string }) => call<Task>("POST", "/tasks", task),
  changeTask: (id: number, changes: TaskChanges) => call<Task>("PATCH", `/tasks/${id}`, changes),
  deleteTask: (id: number) => call<void>("DELETE", `/tasks/${id}`),

  reminders: (unseen: boolean) =>
    call<{ items: Reminder[]; unseen: number }>("GET", `/reminders?unseen=${unseen}&limit=50`),
  markSeen: (id: number) => call<void>("POST", `/reminders/${id}/seen`),
  markAllSeen: () => call<void>("POST", "/reminders/seen"),

  conversation: () => call<{ items: Line[] }>("GET", "/chat?limit=50"),
  say: (message: string) => call<ChatReply>("POST", "/chat", { message }),
  forgetConversation: () => call<void>("DELETE", "/chat"),
};
