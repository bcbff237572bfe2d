// Conversations that were had before, as the node keeps them for its owner: to read again, to go on from, to delete.
import { useEffect, useRef, useState } from "preact/hooks";
import { control } from "./node.js";
import { announce } from "./notice.jsx";
import { Sure, When } from "./parts.jsx";
import { owner } from "./session.js";
import { useStore } from "./store.js";
import { changed, discard, named, reopen } from "./talk.js";
import { t } from "./words.js";

const SHOWN = 8;

/** A button that unfolds the list; nothing where there is none but the present one, or nobody may know. */
export default function Earlier({ unfolded = false }) {
  const known = useStore(owner);
  const when = useStore(changed);
  const present = useStore(named);
  const [list, setList] = useState([]);
  const [open, setOpen] = useState(unfolded);
  const [all, setAll] = useState(false);
  const [trouble, setTrouble] = useState("");
  const toggle = useRef();
  useEffect(() => {
    if (known) control("assistant", "Assistant.Conversations").then((found) => setList(found.conversations), () => setList([]));
    else setList([]);
  }, [known, when]);
  const earlier = list.filter((one) => one.conversation !== present);
  if (!earlier.length) return null;
  const attempt = (work) => work.then(() => setTrouble(""), (fault) => setTrouble(fault.detail ?? String(fault)));
  const enter = async (one) => {
    await attempt(reopen(one.conversation));
    document.getElementById("say")?.focus();
  };
  const remove = async (one) => {
    await attempt(discard(one.conversation));
    announce(t("Deleted"));
    toggle.current?.focus();
  };
  return (
    <section class="tight earlier" aria-label={t("Earlier conversations")}>
      <div><button type="button" class="plain mid" ref={toggle} aria-expanded={open} onClick={() => setOpen(!open)}>{t("Earlier conversations")} ({earlier.length})</button></div>
      {trouble && <p class="bad mid" role="alert">{trouble}</p>}
      {open && (
        <ul class="list">
          {earlier.slice(0, all ? earlier.length : SHOWN).map((one) => (
            <li key={one.conversation}>
              <button type="button" class="plain title" onClick={() => enter(one)}>{one.title || t("Without words")}</button>
              <span class="soft"><When seconds={one.changed} /></span>
              <Sure small label={t("Delete")} about={one.title} question={t("Delete it for good?")} act={() => remove(one)} />
            </li>
          ))}
        </ul>
      )}
      {open && earlier.length > SHOWN && !all && <div><button type="button" class="quiet little" onClick={() => setAll(true)}>{t("Show all of them")}</button></div>}
      {open && <p class="hint">{t("Your node keeps them for you alone, the last fifty.")}</p>}
    </section>
  );
}
