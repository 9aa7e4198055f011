import type { Metadata } from "next";
import { ReminderLists } from "@/components/ReminderLists";
import { requireSession } from "@/lib/guard";

export const metadata: Metadata = { title: "Reminders" };

export default async function Reminders() {
  await requireSession("/reminders");
  return <ReminderLists />;
}
