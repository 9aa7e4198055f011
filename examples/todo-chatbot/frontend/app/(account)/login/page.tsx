import type { Metadata } from "next";
import { AccountForm } from "@/components/AccountForm";
import { skipIfSignedIn } from "@/lib/guard";
import { ownPath } from "@/lib/session";

export const metadata: Metadata = { title: "Log in" };

type Props = { searchParams: Promise<{ next?: string | string[]; ended?: string }> };

export default async function Login({ searchParams }: Props) {
  const { next, ended } = await searchParams;
  const path = ownPath([next].flat()[0]);
  // Who comes because the API has refused the session stays here, even where the cookie could not be deleted.
  if (ended === undefined) await skipIfSignedIn(path);
  return <AccountForm kind="login" next={path} note={ended === undefined ? undefined : "Your session has ended. Please log in again."} />;
}
