import type { Metadata } from "next";
import { AccountSettings } from "@/components/AccountSettings";
import { requireSession } from "@/lib/guard";

export const metadata: Metadata = { title: "Account" };

export default async function Account() {
  await requireSession("/account");
  return <AccountSettings />;
}
