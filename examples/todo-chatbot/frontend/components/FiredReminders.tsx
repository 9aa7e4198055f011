"use client";

import { usePathname } from "next/navigation";
import Link from "next/link";
import { useApp } from "./AppState";
import { Icon } from "./Icon";
import styles from "./FiredReminders.module.css";

/** Announces, above every page, what is due now. The page of the reminders shows them itself. */
export function FiredReminders() {
  const { fired, see } = useApp();
  const elsewhere = usePathname() !== "/reminders";
  const [first, ...others] = fired;
  return (
    <div role="status" className={styles.region}>
      {first && elsewhere && (
        <div className={styles.reminder}>
          <Icon name="bell" />
          <p>
            Reminder: <strong>{first.title}</strong>
            {others.length > 0 && <> and {others.length} more</>}
          </p>
          <div className={styles.actions}>
            <Link href="/reminders">Show</Link>
            <button type="button" onClick={() => void see(first.id).catch(() => undefined)}>
              Got it<span className="only-read-out">: {first.title}</span>
            </button>
          </div>
        </div>
      )}
    </div>
  );
}
