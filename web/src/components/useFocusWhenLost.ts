import { useEffect, useRef, type RefObject } from "react";

/** Focuses an element when it appears, if `enabled` and what had the focus has gone. */
export function useFocusWhenLost<Element extends HTMLElement>(enabled: boolean): RefObject<Element | null> {
  const element = useRef<Element>(null);
  useEffect(() => {
    if (enabled && document.activeElement === document.body) element.current?.focus({ preventScroll: true });
  }, [enabled]);
  return element;
}
