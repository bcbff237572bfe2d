// The command palette: every page, every service and what one may do, by typing a part of its name.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { catalog, search } from "./catalog.js";
import { Icon } from "./icons.jsx";
import { PAGES } from "./pages.js";
import { copy } from "./parts.jsx";
import { to } from "./route.js";
import { owner, signOut } from "./session.js";
import { useStore } from "./store.js";
import { setTheme } from "./theme.js";
import { t } from "./words.js";

const SERVICES_MAX = 30;
const NOTHING = [];

function useDialog(close) {
  const dialog = useRef();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  const onClick = (event) => event.target === dialog.current && close();
  return { ref: dialog, onClose: close, onClick };
}

const ACTIONS = () => [
  { name: t("Use the light theme"), icon: "settings", act: () => setTheme("light") },
  { name: t("Use the dark theme"), icon: "settings", act: () => setTheme("dark") },
  { name: t("Use the system's theme"), icon: "settings", act: () => setTheme("system") },
  { name: t("Copy the address of this page"), icon: "link", act: () => copy(location.href) },
  ...(owner.get() ? [{ name: t("Sign out"), icon: "close", act: signOut }] : []),
];

/** Returns what a text leaves to choose from, in the order it is shown. */
function choicesOf(query, services) {
  const fits = (one) => one.name.toLowerCase().includes(query.trim().toLowerCase());
  const pages = Object.entries(PAGES).map(([key, { word, icon }]) => ({ name: t(word), icon, act: () => (location.hash = to(key)) }));
  const found = search(services, query).slice(0, SERVICES_MAX)
    .map(({ name, description }) => ({ name, about: description, icon: "services", act: () => (location.hash = to("services", [name])) }));
  return [...pages.filter(fits), ...found, ...ACTIONS().filter(fits)];
}

export function Palette({ close }) {
  const props = useDialog(close);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const services = useStore(catalog).services ?? NOTHING;
  const choices = useMemo(() => choicesOf(query, services), [query, services]);
  useEffect(() => setAt(0), [query]);
  useEffect(() => document.getElementById(`choice-${at}`)?.scrollIntoView({ block: "nearest" }), [at]);
  const choose = (choice) => {
    if (!choice) return;
    close();
    choice.act();
  };
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((at + step + choices.length) % Math.max(1, choices.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      const typed = event.currentTarget.value; // who types fast is ahead of what is drawn
      choose(typed === query ? choices[at] : choicesOf(typed, services)[0]);
    }
  };
  return (
    <dialog {...props} aria-label={t("Go to a page or a service")}>
      <label class="search">
        <Icon name="search" />
        <span class="unseen">{t("Page, service or action")}</span>
        <input autofocus role="combobox" aria-expanded="true" aria-controls="choices" aria-activedescendant={choices.length ? `choice-${at}` : undefined}
          placeholder={t("Page, service or action")} value={query} onInput={(event) => setQuery(event.currentTarget.value)} onKeyDown={onKeyDown} autocomplete="off" />
      </label>
      <ul class="choices" id="choices" role="listbox" aria-label={t("Choices")}>
        {choices.map((choice, index) => (
          <li key={`${choice.icon}${choice.name}`} id={`choice-${index}`} role="option" aria-selected={index === at} onClick={() => choose(choice)} onMouseMove={() => setAt(index)}>
            <Icon name={choice.icon} /><span class="name">{choice.name}</span>{choice.about && <span class="soft small line">{choice.about}</span>}
          </li>
        ))}
      </ul>
      {!choices.length && <p class="soft" style={{ padding: "0 24px 24px" }}>{t("Nothing is called so.")}</p>}
    </dialog>
  );
}

export function Shortcuts({ close }) {
  const props = useDialog(close);
  const keys = [
    ["Ctrl K", t("Go to a page or a service")], ["/", t("Search services")], ["?", t("Show these keys")],
    ["g s", t("Services")], ["g p", t("Publish")], ["g a", t("Activity")], ["g n", t("Network")], ["g e", t("Events")],
    ["↓ ↑", t("Move in a list")], ["Esc", t("Close what is open")],
  ];
  return (
    <dialog {...props} aria-labelledby="shortcuts-title">
      <div class="stack" style={{ padding: "24px" }}>
        <h2 id="shortcuts-title">{t("Keys")}</h2>
        <dl class="facts">{keys.map(([key, meaning]) => <><dt><kbd>{key}</kbd></dt><dd>{meaning}</dd></>)}</dl>
        <div><button type="button" class="quiet" onClick={close}>{t("Close")}</button></div>
      </div>
    </dialog>
  );
}
