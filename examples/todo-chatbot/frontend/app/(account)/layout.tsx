import type { ReactNode } from "react";
import { Logo } from "@/components/Logo";
import styles from "./layout.module.css";

export default function AccountLayout({ children }: { children: ReactNode }) {
  return (
    <div className={styles.page}>
      <header>
        <Logo href="/" />
      </header>
      <main className={styles.main}>{children}</main>
    </div>
  );
}
