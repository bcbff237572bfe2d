// The frame: the rail, the page beside it, the palette above both.
import { Component } from "preact";
import { useEffect, useState } from "preact/hooks";
import { catalog } from "./catalog.js";
import { Icon } from "./icons.jsx";
import { online } from "./node.js";
import { Notices } from "./notice.jsx";
import { HOME, PAGES } from "./pages.js";
import { Palette, Shortcuts } from "./palette.jsx";
import { Heading, State } from "./parts.jsx";
import { route, to } from "./route.js";
import { owner } from "./session.js";
import { useStore } from "./store.js";
import { number, spoken, t } from "./words.js";

export function App() {
  const { page, parts } = useStore(route);
  useStore(spoken);
  const [open, setOpen] = useState("");
  useKeys(open, setOpen);
  const name = page || HOME;
  const found = PAGES[name];
  const Page = found && (parts.length && found.Below ? found.Below : found.Page);
  useEffect(() => scrollTo(0, 0), [name, parts[0]]);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector("main").focus()}>{t("Skip to the page")}</button>
      <Rail current={name} open={() => setOpen("palette")} />
      <main tabIndex={-1}>{Page ? <Boundary key={found.Below ? `${name}/${parts[0] ?? ""}` : name}><Page /></Boundary> : <Missing />}</main>
      {open === "palette" && <Palette close={() => setOpen("")} />}
      {open === "shortcuts" && <Shortcuts close={() => setOpen("")} />}
      <Notices />
    </>
  );
}

/** Keeps the rest of the app where a page fails: what a service or a node says may be of a form that nobody thought of. */
class Boundary extends Component {
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }
  render({ children }, { error }) {
    if (!error) return children;
    return (
      <div class="column">
        <Heading>{t("This page has failed")}</Heading>
        <State title={t("What it was given is not as it should be")}>
          <p class="mid" role="alert"><code>{String(error).slice(0, 300)}</code></p>
          <div class="row"><button type="button" onClick={() => this.setState({ error: null })}>{t("Try again")}</button><a class="button quiet" href={to(HOME)}>{t("To the conversation")}</a></div>
        </State>
      </div>
    );
  }
}

function Rail({ current, open }) {
  return (
    <nav class="rail" aria-label={t("Pages")}>
      <div class="name" aria-hidden="true">micro</div>
      {Object.entries(PAGES).map(([key, { word, icon }]) => (
        <a key={key} href={to(key)} aria-current={current === key ? "page" : undefined} title={t(word)}><Icon name={icon} /><span>{t(word)}</span></a>
      ))}
      <div class="foot">
        <button type="button" class="quiet little" onClick={open}><Icon name="search" />{t("Go to…")} <kbd>Ctrl K</kbd></button>
        <Reach />
      </div>
    </nav>
  );
}

function Reach() {
  const { services } = useStore(catalog);
  const reached = useStore(online);
  const known = useStore(owner);
  return (
    <div>
      <div><span class={`dot ${reached ? "good" : "warn"}`} />{reached ? (known ? t("this node · signed in") : t("this node")) : t("not reached")}</div>
      {services && <div>{t("{count} services in reach", { count: number(services.length) })}</div>}
    </div>
  );
}

const Missing = () => (
  <div class="column">
    <Heading>{t("There is no such page")}</Heading>
    <State title={t("The address may have been cut")}><a class="button" href={to("services")}>{t("To the services")}</a></State>
  </div>
);

/** Keys that work everywhere: Ctrl K and / for the palette, ? for the list of keys, g and a letter for a page. */
function useKeys(open, setOpen) {
  useEffect(() => {
    let pending = false;
    const onKey = (event) => {
      const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setOpen(open === "palette" ? "" : "palette");
      } else if (!typing && !open && !event.ctrlKey && !event.metaKey && !event.altKey) {
        if (event.key === "?") setOpen("shortcuts");
        else if (event.key === "/") {
          event.preventDefault();
          const field = document.querySelector("main input[type=search]");
          if (field) field.focus();
          else setOpen("palette");
        } else if (pending) {
          const page = Object.keys(PAGES).find((key) => key.startsWith(event.key));
          if (page) location.hash = to(page);
        }
        pending = event.key === "g" && !pending;
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [open]);
}
