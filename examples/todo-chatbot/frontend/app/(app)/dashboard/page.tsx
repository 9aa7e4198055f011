import type { Metadata } from "next";
import { Overview } from "@/components/Overview";
import { requireSession } from "@/lib/guard";

export const metadata: Metadata = { title: "Dashboard" };

export default async function Dashboard() {
  await requireSession("/dashboard");
  return <Overview />;
}
