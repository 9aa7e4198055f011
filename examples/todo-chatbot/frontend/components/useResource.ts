import { useCallback, useEffect, useState } from "react";

type Resource<T> = {
  /** What was loaded last; undefined until the first answer. */
  data?: T;
  /** Why the last attempt failed. */
  problem?: string;
  reload: () => void;
  /** Shows what an action has made of the data, before it is loaded again. */
  replace: (change: (data: T) => T) => void;
};

/**
 * Loads something again whenever `key` changes; nothing while it is empty. Of several answers only that of the last
 * question counts.
 */
export function useResource<T>(key: string, load: () => Promise<T>): Resource<T> {
  const [state, setState] = useState<{ data?: T; problem?: string }>({});
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    if (key === "") return;
    let isLast = true;
    load().then(
      (data) => isLast && setState({ data }),
      (error: Error) => isLast && setState(({ data }) => ({ data, problem: error.message })),
    );
    return () => {
      isLast = false;
    };
    // `load` is another function at each rendering; `key` says what it loads.
  }, [key, attempt]);

  const reload = useCallback(() => setAttempt((attempt) => attempt + 1), []);
  const replace = useCallback(
    (change: (data: T) => T) =>
      setState((state) => (state.data === undefined ? state : { ...state, data: change(state.data) })),
    [],
  );
  return { ...state, reload, replace };
}
