import Link from "next/link";
import { Demo } from "@/components/Demo";
import { Icon, type IconName } from "@/components/Icon";
import { Logo } from "@/components/Logo";
import styles from "./page.module.css";

// Made once, when the application is built: probes ask for this page every few seconds.
export const dynamic = "force-static";

const FEATURES: { icon: IconName; title: string; text: string }[] = [
  { icon: "tasks", title: "Tasks in order", text: "Due dates and priorities, and a search that finds every word in titles and notes." },
  { icon: "chat", title: "An assistant that acts", text: "Write “add pay rent due tomorrow” and it is on your list. Ask what is open, and finish it from the chat." },
  { icon: "bell", title: "Reminders that arrive", text: "The server keeps the time. A reminder waits for you until you have seen it, on every device." },
];

export default function Landing() {
  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <Logo href="/" />
        <nav aria-label="Account" className={styles.account}>
          <Link href="/login">Log in</Link>
          <Link href="/sign-up" className={styles.cta}>
            Sign up
          </Link>
        </nav>
      </header>
      <main>
        <section className={styles.hero}>
          <div className={styles.words}>
            <h1>Say it. It’s on your list.</h1>
            <p>Tasks, reminders and an assistant that works on both: one calm, purple place for what you have to do.</p>
            <div className={styles.actions}>
              <Link href="/sign-up" className={styles.cta}>
                Start your list
              </Link>
              <Link href="/dashboard" className={styles.quiet}>
                Open my dashboard
              </Link>
            </div>
          </div>
          <Demo />
        </section>
        <section aria-labelledby="features" className={styles.features}>
          <h2 id="features">What it does for you</h2>
          <ul>
            {FEATURES.map(({ icon, title, text }) => (
              <li key={title} className="card">
                <span className={styles.icon}>
                  <Icon name={icon} size={24} />
                </span>
                <h3>{title}</h3>
                <p className="muted">{text}</p>
              </li>
            ))}
          </ul>
        </section>
      </main>
      <footer className={styles.footer}>
        <p className="muted">Todo chatbot: the example application of provision.</p>
      </footer>
    </div>
  );
}
