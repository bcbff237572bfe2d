// What several pages are made of: headings, states, copy buttons, things that are asked again while they are looked at.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icons.jsx";
import { online } from "./node.js";
import { notice } from "./notice.jsx";
import { owner, signIn, signInTrouble } from "./session.js";
import { useStore } from "./store.js";
import { ago, exactly, t } from "./words.js";

/** A page's heading; it takes the focus when the page changes, so that a screen reader begins there. */
export function Heading({ children, aside }) {
  const heading = useRef();
  useEffect(() => {
    if (document.activeElement === document.body || document.activeElement?.closest(".rail, dialog") || document.activeElement === null) {
      heading.current.focus({ preventScroll: true });
    }
    document.title = `${heading.current.textContent} · Micro`;
  }, []);
  return (
    <div class="row">
      <h1 ref={heading} tabIndex={-1}>{children}</h1>
      {aside && <div class="row end">{aside}</div>}
    </div>
  );
}

/** A sentence in which what stands between backticks is a machine's word. */
export const Prose = ({ children }) =>
  String(children).split("`").map((part, index) => (index % 2 ? <code key={index}>{part}</code> : part));

const SAID_CHARACTERS_MAX = 400;

/** What a service says of itself: as much as helps, the rest when it is asked for. */
export function Said({ children, class: name = "text" }) {
  const [whole, setWhole] = useState(false);
  const text = String(children ?? "");
  if (text.length <= SAID_CHARACTERS_MAX) return <p class={name}>{text}</p>;
  return (
    <div class="tight">
      <p class={name}>{whole ? text : `${text.slice(0, SAID_CHARACTERS_MAX)}…`}</p>
      <div><button type="button" class="quiet little" aria-expanded={whole} onClick={() => setWhole(!whole)}>{whole ? t("Show less") : t("Show all of it")}</button></div>
    </div>
  );
}

/** A state of a page with its next step: empty, failing, offline, refused. */
export const State = ({ title, children }) => (
  <div class="state">
    <h2>{title}</h2>
    {children}
  </div>
);

export function Trouble({ fault, again }) {
  if (!fault) return null;
  const signedOut = fault.code === 401 || fault.code === 403;
  if (signedOut && owner.get() === false) return <SignIn />;
  return (
    <State title={fault.code === 0 ? t("The node does not answer") : t("That did not work")}>
      <p class="mid" role="alert"><Prose>{fault.code === 0 ? t("It may have stopped. Start it with `micro server`, then try again.") : fault.detail}</Prose></p>
      {again && <button class="quiet" onClick={again}>{t("Try again")}</button>}
    </State>
  );
}

export function SignIn() {
  const trouble = useStore(signInTrouble);
  const [code, setCode] = useState("");
  return (
    <State title={t("This part is the owner's")}>
      {location.protocol === "https:"
        ? <p class="mid">{t("On the node's machine open Settings, press “Pair a phone” and scan the second code with this phone.")}</p>
        : <>
          <p class="mid">{t("Type this in a terminal on the node's machine. It opens this page with a link that works once:")}</p>
          <Copied text="micro web" />
        </>}
      <form class="row" onSubmit={(event) => { event.preventDefault(); if (code) signIn(code); }}>
        <div class="field grow">
          <label for="login-code">{t("Or paste the link here")}</label>
          <input id="login-code" value={code} onInput={(event) => setCode(event.currentTarget.value)} autocomplete="off"
            aria-invalid={trouble ? "true" : undefined} aria-describedby={trouble ? "login-trouble" : undefined} />
          {trouble && <span class="wrong" id="login-trouble" role="alert">{trouble}</span>}
        </div>
        <button>{t("Sign in")}</button>
      </form>
    </State>
  );
}

/** Shows its children to the owner, else how to become known as the owner. */
export function OwnersOnly({ children }) {
  const known = useStore(owner);
  if (known === null) return <Skeleton />;
  return known ? children : <SignIn />;
}

export const Skeleton = ({ lines = 3 }) => (
  <div class="tight" aria-hidden="true">
    {Array.from({ length: lines }, (_, index) => <div class="skeleton" key={index} />)}
  </div>
);

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notice(t("Copied"));
  } catch {
    notice(t("The browser does not let this page copy; select the text instead."));
  }
}

export const CopyButton = ({ text, label = t("Copy"), children }) => (
  <button type="button" class="quiet little" aria-label={label} title={label} onClick={() => copy(text)}>
    <Icon name="copy" />{children}
  </button>
);

export const Copied = ({ text }) => (
  <div class="row" style={{ flexWrap: "nowrap" }}>
    <code>{text}</code>
    <CopyButton text={text} />
  </div>
);

/** A node's id, shortened to its ends. */
export const Nid = ({ nid, self }) =>
  self ? t("this node") : <span class="mono" title={nid}>{nid.length > 16 ? `${nid.slice(0, 5)}…${nid.slice(-4)}` : nid}</span>;

export const When = ({ seconds }) =>
  seconds ? <time dateTime={new Date(seconds * 1000).toISOString()} title={exactly(seconds)}>{ago(seconds)}</time> : "–";

/**
 * Asks for something, again every so many seconds while the page is looked at.
 * @returns {{value, fault, again}} the last answer, or the fault that came in its place.
 */
export function useAsked(work, every = 0, keys = []) {
  const [state, setState] = useState({});
  const alive = useRef(true);
  const again = useCallback(async () => {
    try {
      const value = await work();
      if (alive.current) setState({ value });
    } catch (fault) {
      if (alive.current && fault.name !== "AbortError") setState((before) => ({ value: before.value, fault }));
    }
  }, keys);
  useEffect(() => {
    alive.current = true;
    again();
    const timer = every ? setInterval(() => document.hidden || again(), every * 1000) : 0;
    return () => {
      alive.current = false;
      clearInterval(timer);
    };
  }, [again]);
  return { ...state, again };
}

export function Offline() {
  return useStore(online) ? null : (
    <p class="mid warn row" role="status"><span class="dot warn" />{t("The node does not answer. What you see is what was known last.")}</p>
  );
}

/** Asks before something that cannot be undone; the question stands where the button stood. */
export function Sure({ label, about, question, act, danger = true, small = false }) {
  const [asked, setAsked] = useState(false);
  const yes = useRef();
  useEffect(() => {
    if (asked) yes.current.focus();
  }, [asked]);
  if (!asked) return <button type="button" class={`${danger ? "danger" : "quiet"} ${small ? "little" : ""}`} aria-label={about && `${label}: ${about}`} onClick={() => setAsked(true)}>{label}</button>;
  return (
    <span class="row" role="group" aria-label={question}>
      <span class="mid">{question}</span>
      <button type="button" ref={yes} class="danger" onClick={() => { setAsked(false); act(); }}>{label}</button>
      <button type="button" class="quiet" onClick={() => setAsked(false)}>{t("Cancel")}</button>
    </span>
  );
}
