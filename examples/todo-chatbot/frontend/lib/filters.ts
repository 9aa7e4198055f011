import { PRIORITIES, type Priority } from "./api";

export const PAGE_SIZE = 20;

export const STATUSES = { open: "Open", done: "Done", all: "All" } as const;
export const SORTS = { due: "Due date", priority: "Priority", created: "Newest first", title: "Title" } as const;

/** What the list of tasks shows: also the query of its address, so that a list can be linked to. */
export type Filters = {
  q: string;
  status: keyof typeof STATUSES;
  priority: Priority | "";
  due_from: string;
  due_to: string;
  sort: keyof typeof SORTS;
  page: number;
};

export const NO_FILTERS: Filters = { q: "", status: "open", priority: "", due_from: "", due_to: "", sort: "due", page: 1 };

type Query = Record<string, string | string[] | undefined>;

/** Returns the filters that an address names. What it does not name, or names wrongly, is as in NO_FILTERS. */
export function readFilters(query: Query): Filters {
  const text = (name: string) => [query[name]].flat()[0]?.trim() ?? "";
  const oneOf = <T extends string>(name: string, known: readonly T[], otherwise: T) =>
    known.find((value) => value === text(name)) ?? otherwise;
  const date = (name: string) => (/^\d{4}-\d\d-\d\d$/.test(text(name)) ? text(name) : "");
  const page = Number(text("page"));
  return {
    q: text("q"),
    status: oneOf("status", Object.keys(STATUSES) as Filters["status"][], NO_FILTERS.status),
    priority: oneOf("priority", ["", ...PRIORITIES], ""),
    due_from: date("due_from"),
    due_to: date("due_to"),
    sort: oneOf("sort", Object.keys(SORTS) as Filters["sort"][], NO_FILTERS.sort),
    page: Number.isInteger(page) && page >= 1 ? page : 1,
  };
}

/** Returns the query of the address that shows this list. */
export function addressQuery(filters: Filters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) {
    if (value !== NO_FILTERS[name as keyof Filters]) query.set(name, String(value));
  }
  return query.toString();
}

/** Returns the query with which the API is asked for this list. */
export function apiQuery({ page, ...filters }: Filters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) {
    if (value !== "") query.set(name, value);
  }
  if (filters.sort === "created") query.set("order", "desc");
  query.set("limit", String(PAGE_SIZE));
  query.set("offset", String((page - 1) * PAGE_SIZE));
  return query.toString();
}

/** Returns whether something other than the order narrows the list. */
export function isNarrowed(filters: Filters): boolean {
  return addressQuery({ ...filters, sort: NO_FILTERS.sort, page: 1 }) !== "";
}
