import type { Metadata } from "next";
import { TaskBoard } from "@/components/TaskBoard";
import { addressQuery, readFilters } from "@/lib/filters";
import { requireSession } from "@/lib/guard";

export const metadata: Metadata = { title: "Tasks" };

type Props = { searchParams: Promise<Record<string, string | string[] | undefined>> };

export default async function Tasks({ searchParams }: Props) {
  const filters = readFilters(await searchParams);
  const query = addressQuery(filters);
  await requireSession(query === "" ? "/tasks" : `/tasks?${query}`);
  return <TaskBoard initial={filters} key={query} />;
}
