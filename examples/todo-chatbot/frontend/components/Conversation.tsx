"use client";

import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import { api } from "@/lib/api";
import { useApp } from "./AppState";
import styles from "./Conversation.module.css";
import { Icon } from "./Icon";
import { Empty, Loading, Problem } from "./Parts";
import { useConfirm } from "./useConfirm";
import { useResource } from "./useResource";

type Line = { role: "user" | "assistant"; text: string };

const EXAMPLES = ["add buy milk due tomorrow priority high", "list", "find milk", "help"];

/** The conversation with the assistant, which works on the tasks. */
export function Conversation() {
  const { changed } = useApp();
  const [message, setMessage] = useState("");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [confirm, dialog] = useConfirm();
  const field = useRef<HTMLTextAreaElement>(null);
  const end = useRef<HTMLDivElement>(null);
  const conversation = useResource<Line[]>("conversation", async () => (await api.conversation()).items);
  const lines = conversation.data;

  useEffect(() => {
    end.current?.scrollIntoView({ block: "nearest" });
  }, [lines?.length, busy]);

  async function say(text: string) {
    if (busy || text === "" || !lines) return;
    setBusy(true);
    setProblem(undefined);
    setMessage("");
    conversation.replace((lines) => [...lines, { role: "user", text }]);
    try {
      const { reply, changed: tasksChanged } = await api.say(text);
      conversation.replace((lines) => [...lines, { role: "assistant", text: reply }]);
      if (tasksChanged) changed();
    } catch (error) {
      // Nobody has heard it: take it back, to be sent again.
      conversation.replace((lines) => lines.slice(0, -1));
      setMessage(text);
      setProblem(`Not sent. ${(error as Error).message}`);
    }
    setBusy(false);
    field.current?.focus();
  }

  async function forget() {
    const text = "Your tasks stay as they are.";
    if (!(await confirm("Forget this conversation?", text, "Forget it"))) return;
    try {
      await api.forgetConversation();
      conversation.replace(() => []);
    } catch (error) {
      setProblem((error as Error).message);
    }
    field.current?.focus();
  }

  function send(event: FormEvent) {
    event.preventDefault();
    void say(message.trim());
  }

  function key(event: KeyboardEvent) {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) send(event);
  }

  return (
    <div className={styles.page}>
      <div className="row spread">
        <h1>Chat</h1>
        {lines !== undefined && lines.length > 0 && (
          <button type="button" className="button plain small" onClick={() => void forget()}>
            <Icon name="trash" size={16} />
            Forget
          </button>
        )}
      </div>
      <section className={`card ${styles.box}`} aria-label="Conversation with the assistant">
        <div className={styles.lines} role="log" aria-label="Conversation" tabIndex={0}>
          {lines?.map((line, index) => (
            <p key={index} data-role={line.role}>
              <span className="only-read-out">{line.role === "user" ? "You: " : "Assistant: "}</span>
              {line.text}
            </p>
          ))}
          {busy && (
            <p data-role="assistant" className={styles.dots}>
              <span className="only-read-out">The assistant is working…</span>
              <i />
              <i />
              <i />
            </p>
          )}
          <div ref={end} />
        </div>
        {!lines && !conversation.problem && <Loading />}
        {lines?.length === 0 && (
          <Empty icon="chat" title="Say what you have to do">
            <p>The assistant adds, finds, finishes and deletes tasks, and sets reminders.</p>
          </Empty>
        )}
        <Problem text={problem ?? conversation.problem} onRetry={problem ? undefined : conversation.reload} />
        <ul className={styles.examples} aria-label="Examples" data-first={lines?.length === 0}>
          {EXAMPLES.map((example) => (
            <li key={example}>
              <button type="button" onClick={() => void say(example)}>
                {example}
              </button>
            </li>
          ))}
        </ul>
        <form className={styles.form} onSubmit={send}>
          <textarea
            ref={field}
            aria-label="Message"
            name="message"
            rows={1}
            maxLength={1000}
            placeholder="add buy milk"
            value={message}
            onChange={(event) => setMessage(event.target.value)}
            onKeyDown={key}
          />
          <button className="button" aria-disabled={busy || message.trim() === ""}>
            <Icon name="send" />
            Send
          </button>
        </form>
      </section>
      {dialog}
    </div>
  );
}
