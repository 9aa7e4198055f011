import type { Metadata } from "next";
import { Conversation } from "@/components/Conversation";
import { requireSession } from "@/lib/guard";

export const metadata: Metadata = { title: "Chat" };

export default async function Chat() {
  await requireSession("/chat");
  return <Conversation />;
}
