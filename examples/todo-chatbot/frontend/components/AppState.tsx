"use client";

import { usePathname } from "next/navigation";
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { api, SESSION_ENDED, type Reminder, type User } from "@/lib/api";

const POLL_MS = 5_000;

type Shared = {
  user?: User;
  /** The reminders that have fired and were not seen yet. */
  fired: Reminder[];
  /** The time, a few seconds old at most: what is shown relative to it stays right. */
  now: Date;
  /** Grows when tasks may have changed: what shows them loads them again. */
  version: number;
  changed: () => void;
  /** Marks reminders as seen: one of them, or all. */
  see: (id?: number) => Promise<void>;
};

const Context = createContext<Shared | undefined>(undefined);

export function useApp(): Shared {
  const shared = useContext(Context);
  if (!shared) throw new Error("useApp is used outside of AppState");
  return shared;
}

/** Keeps what all pages share: who is signed in, and the reminders, which it asks for every few seconds. */
export function AppState({ children }: { children: ReactNode }) {
  const path = usePathname();
  const [user, setUser] = useState<User>();
  const [fired, setFired] = useState<Reminder[]>([]);
  const [now, setNow] = useState(() => new Date());
  const [version, setVersion] = useState(0);
  // An answer that was asked for before something was marked as seen must not bring it back.
  const round = useRef(0);

  const changed = useCallback(() => setVersion((version) => version + 1), []);

  const poll = useCallback(async () => {
    const mine = ++round.current;
    // A failure is not shown: the next round is near, and what the user does reports its own.
    const answer = await api.reminders(true).catch(() => undefined);
    setNow(new Date());
    if (answer && mine === round.current) setFired((fired) => (sameReminders(fired, answer.items) ? fired : answer.items));
  }, []);

  const see = useCallback(
    async (id?: number) => {
      await (id === undefined ? api.markAllSeen() : api.markSeen(id));
      round.current++;
      setFired((fired) => (id === undefined ? [] : fired.filter((reminder) => reminder.id !== id)));
      changed();
    },
    [changed],
  );

  useEffect(() => {
    const leave = () => window.location.assign(`/login?ended=1&next=${encodeURIComponent(path)}`);
    window.addEventListener(SESSION_ENDED, leave);
    return () => window.removeEventListener(SESSION_ENDED, leave);
  }, [path]);

  useEffect(() => {
    api.me().then(setUser, () => undefined);
    void poll();
    const whenVisible = () => {
      if (document.visibilityState === "visible") void poll();
    };
    const timer = setInterval(whenVisible, POLL_MS);
    document.addEventListener("visibilitychange", whenVisible);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", whenVisible);
    };
  }, [poll]);

  const shared = useMemo(
    () => ({ user, fired, now, version, changed, see }),
    [user, fired, now, version, changed, see],
  );
  return <Context value={shared}>{children}</Context>;
}

function sameReminders(before: Reminder[], after: Reminder[]): boolean {
  return before.length === after.length && before.every((reminder, index) => reminder.id === after[index].id);
}
