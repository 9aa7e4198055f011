import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

/** Says what has failed, at once and to screen readers too. */
export function Problem({ text, onRetry, className }: { text?: string; onRetry?: () => void; className?: string }) {
  return (
    <div role="alert" className={className}>
      {text && (
        <p className="notice">
          {text}
          {onRetry && (
            <button type="button" className="button small plain" onClick={onRetry}>
              Try again
            </button>
          )}
        </p>
      )}
    </div>
  );
}

/** Stands where something will be when it has come. */
export function Loading({ lines = 3 }: { lines?: number }) {
  return (
    <div className="stack" aria-busy="true">
      <span className="only-read-out">Loading…</span>
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} className="skeleton" style={{ width: `${90 - index * 15}%` }} />
      ))}
    </div>
  );
}

/** Says that there is nothing, and what to do about it. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <strong>{title}</strong>
      {children}
    </div>
  );
}
