import { useSyncExternalStore } from "react";

const never = () => () => undefined;

/**
 * Returns whether the page is the browser's own by now. Before, it must show what the server has shown, which knows neither
 * the reader's clock nor time zone.
 */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}
