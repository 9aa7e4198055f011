import Link from "next/link";
import styles from "./Logo.module.css";

/** The name of the application, which leads to `href`. */
export function Logo({ href }: { href: string }) {
  return (
    <Link href={href} className={styles.logo}>
      <svg aria-hidden="true" viewBox="0 0 32 32" width="32" height="32">
        <rect width="32" height="32" rx="9" fill="#7c3aed" />
        <path d="M8.5 16.5l5 5L23.5 11" fill="none" stroke="#fff" strokeWidth="3.4" strokeLinecap="round" strokeLinejoin="round" />
      </svg>
      Todo chatbot
    </Link>
  );
}
