import { useState, type FormEvent } from "react";
import { api } from "@/lib/api";

type Line = { from: "you" | "assistant"; text: string };

export function Chat({ onChange }: { onChange: () => void }) {
  const [lines, setLines] = useState<Line[]>([
    { from: "assistant", text: "Hello! Say “add buy milk”, “list”, “done 3” or “delete 3”." },
  ]);
  const [message, setMessage] = useState("");

  const say = (line: Line) => setLines((lines) => [...lines, line]);

  async function send(event: FormEvent) {
    event.preventDefault();
    say({ from: "you", text: message });
    setMessage("");
    try {
      const { reply, changed } = await api.chat(message);
      say({ from: "assistant", text: reply });
      if (changed) onChange();
    } catch (error) {
      say({ from: "assistant", text: `That did not work: ${(error as Error).message}` });
    }
  }

  return (
    <section aria-labelledby="chat-heading">
      <h2 id="chat-heading">Assistant</h2>
      <ol className="chat" aria-live="polite">
        {lines.map((line, index) => (
          <li key={index} className={line.from}>
            {line.text}
          </li>
        ))}
      </ol>
      <form onSubmit={send}>
        <input
          aria-label="Message"
          placeholder="add buy milk"
          value={message}
          onChange={(event) => setMessage(event.target.value)}
          maxLength={1000}
          required
        />
        <button>Send</button>
      </form>
    </section>
  );
}
