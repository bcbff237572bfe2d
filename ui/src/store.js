// A value that components follow: set it, and whoever shows it is drawn again.
import { useEffect, useState } from "preact/hooks";

export function store(value) {
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const listener of [...listeners]) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore(held) {
  const [, draw] = useState(0);
  const value = held.get();
  useEffect(() => {
    const again = () => draw((count) => count + 1);
    if (held.get() !== value) again(); // it was set after this was drawn, and before anybody listened
    return held.listen(again);
  }, [held]);
  return value;
}

const known = (key) => {
  try {
    return JSON.parse(localStorage.getItem(`micro.${key}`));
  } catch {
    return null; // storage is refused, or somebody else wrote there
  }
};

/** A store whose value outlives the page, in this browser alone. */
export function lasting(key, usual) {
  const held = store(known(key) ?? usual);
  const { set } = held;
  held.set = (value) => {
    set(value);
    try {
      if (value === null || value === undefined) localStorage.removeItem(`micro.${key}`);
      else localStorage.setItem(`micro.${key}`, JSON.stringify(value));
    } catch {
      // it lasts as long as the page, then
    }
  };
  return held;
}
