import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";

type Question = { title: string; text: string; button: string; answer: (yes: boolean) => void };

/** Returns a function that asks before something is destroyed, and the dialog in which it does, to be rendered. */
export function useConfirm(): [ask: (title: string, text: string, button: string) => Promise<boolean>, dialog: ReactNode] {
  const [question, setQuestion] = useState<Question>();
  const dialog = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!question) return;
    dialog.current?.showModal();
    // Not on what destroys, where the browser would put it.
    cancel.current?.focus();
  }, [question]);

  const ask = useCallback(
    (title: string, text: string, button: string) =>
      new Promise<boolean>((answer) => setQuestion({ title, text, button, answer })),
    [],
  );

  function close(yes: boolean) {
    question?.answer(yes);
    // The browser then gives the focus back to what had it before.
    dialog.current?.close();
    setQuestion(undefined);
  }

  return [
    ask,
    question && (
      <dialog ref={dialog} aria-labelledby="question" onCancel={() => close(false)}>
        <div className="stack">
          <h2 id="question">{question.title}</h2>
          <p className="muted">{question.text}</p>
          <div className="row">
            <button type="button" className="button danger" onClick={() => close(true)}>
              {question.button}
            </button>
            <button type="button" className="button plain" ref={cancel} onClick={() => close(false)}>
              Cancel
            </button>
          </div>
        </div>
      </dialog>
    ),
  ];
}
