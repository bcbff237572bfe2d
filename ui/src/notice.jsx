// What has just happened, said to eyes and ears: one line that goes away, and a region that screen readers follow.
import { store, useStore } from "./store.js";

const shown = store("");
const said = store("");
let timer = 0;

/** Says something to screen readers alone. */
export const announce = (text) => said.set(said.get() === text ? `${text}\u00a0` : text);

/** Shows something for a moment, and says it. */
export function notice(text) {
  shown.set(text);
  announce(text);
  clearTimeout(timer);
  timer = setTimeout(() => shown.set(""), 3000);
}

export function Notices() {
  const text = useStore(shown);
  const spoken = useStore(said);
  return (
    <>
      <div class="unseen" role="status" aria-live="polite">{spoken}</div>
      {text && <div class="notice" aria-hidden="true">{text}</div>}
    </>
  );
}
