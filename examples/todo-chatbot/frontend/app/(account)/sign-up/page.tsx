import type { Metadata } from "next";
import { AccountForm } from "@/components/AccountForm";
import { skipIfSignedIn } from "@/lib/guard";

export const metadata: Metadata = { title: "Sign up" };

export default async function SignUp() {
  await skipIfSignedIn("/dashboard");
  return <AccountForm kind="sign-up" next="/dashboard" />;
}
