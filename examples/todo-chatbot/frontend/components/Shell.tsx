"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";
import { api } from "@/lib/api";
import { AppState, useApp } from "./AppState";
import { FiredReminders } from "./FiredReminders";
import { Icon, type IconName } from "./Icon";
import { Logo } from "./Logo";
import styles from "./Shell.module.css";

const PAGES: { href: string; name: string; icon: IconName }[] = [
  { href: "/dashboard", name: "Dashboard", icon: "home" },
  { href: "/tasks", name: "Tasks", icon: "tasks" },
  { href: "/chat", name: "Chat", icon: "chat" },
  { href: "/reminders", name: "Reminders", icon: "bell" },
];

/** What surrounds every page of someone who is signed in. */
export function Shell({ children }: { children: ReactNode }) {
  return (
    <AppState>
      <div className={styles.shell}>
        <a href="#content" className="button skip">
          Skip to the content
        </a>
        <Header />
        <Navigation />
        <main id="content" tabIndex={-1} className={styles.content}>
          <FiredReminders />
          {children}
        </main>
      </div>
    </AppState>
  );
}

function Header() {
  const { user } = useApp();

  async function leave() {
    // Also when it fails, as after the session has ended: the login says how things are.
    await api.logout().catch(() => undefined);
    window.location.assign("/login");
  }

  return (
    <header className={styles.header}>
      <Logo href="/dashboard" />
      <div className={styles.user}>
        <Link href="/account" className={styles.account} title={user?.email}>
          <Icon name="user" />
          <span className="only-read-out">Account </span>
          <span className={styles.email}>{user?.email}</span>
        </Link>
        <button type="button" className={styles.leave} onClick={leave}>
          <Icon name="leave" />
          <span>Log out</span>
        </button>
      </div>
    </header>
  );
}

function Navigation() {
  const { fired } = useApp();
  const path = usePathname();
  return (
    <nav aria-label="Main" className={styles.navigation}>
      <ul>
        {PAGES.map(({ href, name, icon }) => (
          <li key={href}>
            <Link href={href} aria-current={path === href ? "page" : undefined}>
              <Icon name={icon} size={22} />
              <span>{name}</span>
              {href === "/reminders" && fired.length > 0 && (
                <span className={styles.number}>
                  {fired.length}
                  <span className="only-read-out"> due now</span>
                </span>
              )}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
