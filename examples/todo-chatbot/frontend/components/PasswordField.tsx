import { useId, useState } from "react";
import styles from "./PasswordField.module.css";

type Props = {
  label: string;
  autoComplete: "current-password" | "new-password";
  hint?: string;
  value: string;
  onChange: (value: string) => void;
};

/** A password that can be shown. Only a new one must have the length that the server asks for. */
export function PasswordField({ label, autoComplete, hint, value, onChange }: Props) {
  const id = useId();
  const [shown, setShown] = useState(false);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className={styles.box}>
        <input
          id={id}
          type={shown ? "text" : "password"}
          name={autoComplete}
          autoComplete={autoComplete}
          aria-describedby={hint && `${id}-hint`}
          minLength={autoComplete === "new-password" ? 8 : undefined}
          maxLength={200}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          required
        />
        <button type="button" aria-pressed={shown} aria-label={`Show ${label.toLowerCase()}`} onClick={() => setShown(!shown)}>
          {shown ? "Hide" : "Show"}
        </button>
      </div>
      {hint && <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}
