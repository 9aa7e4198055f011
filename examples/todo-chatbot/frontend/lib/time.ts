// Dates and times as people read them. A date is "2026-11-26" and belongs to the reader's calendar; a time is RFC 3339.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const pad = (value: number) => String(value).padStart(2, "0");

/** Returns the date of a moment in the reader's time zone. */
export function dateOf(moment: Date): string {
  return `${moment.getFullYear()}-${pad(moment.getMonth() + 1)}-${pad(moment.getDate())}`;
}

/** Returns the date so many days later. */
export function addDays(date: string, days: number): string {
  const [year, month, day] = date.split("-").map(Number);
  return dateOf(new Date(year, month - 1, day + days));
}

/** Returns how many days lie between two dates: 1 from today to tomorrow. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY);
}

/** Returns "Due today", "Overdue by 2 days", "Due Fri 4 Dec" and the like. What is done is never overdue. */
export function dueText(due: string, today: string, isDone = false): string {
  const days = daysBetween(today, due);
  if (days < 0 && !isDone) return `Overdue by ${count(-days, "day")}`;
  if (days === 0) return "Due today";
  if (days === 1) return "Due tomorrow";
  const [year, month, day] = due.split("-").map(Number);
  const text = `Due ${dayText(new Date(year, month - 1, day), { weekday: "short" })}`;
  return today.startsWith(`${year}-`) ? text : `${text} ${year}`;
}

// The comma differs between versions of the browser's and of Node's data.
function dayText(date: Date, also: Intl.DateTimeFormatOptions = {}): string {
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...also }).replace(",", "");
}

/** Returns "just now", "in 10 minutes", "2 hours ago", and from two days on the date and time. */
export function relative(time: string, now: Date): string {
  const distance = Date.parse(time) - now.getTime();
  const size = Math.abs(distance);
  if (size < MINUTE / 2) return "just now";
  if (size >= 2 * DAY) {
    const moment = new Date(time);
    return `${dayText(moment)}, ${pad(moment.getHours())}:${pad(moment.getMinutes())}`;
  }
  const text =
    size < HOUR - MINUTE / 2
      ? count(Math.max(1, Math.round(size / MINUTE)), "minute")
      : size < DAY - HOUR / 2
        ? count(Math.round(size / HOUR), "hour")
        : count(Math.round(size / DAY), "day");
  return distance > 0 ? `in ${text}` : `${text} ago`;
}

/** Returns "1 task", "2 tasks". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Returns the time of an `<input type="datetime-local">`, null when it is empty. */
export function fromInput(value: string): string | null {
  return value === "" ? null : new Date(value).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Returns a time as the value of an `<input type="datetime-local">`. */
export function toInput(time: string | null): string {
  if (time === null) return "";
  const moment = new Date(time);
  return `${dateOf(moment)}T${pad(moment.getHours())}:${pad(moment.getMinutes())}`;
}

/** Returns the time so many minutes from now. */
export function minutesFrom(now: Date, minutes: number): string {
  return new Date(now.getTime() + minutes * MINUTE).toISOString().replace(/\.\d+Z$/, "Z");
}
