// Where the owner is signed in, and phones of the same house or anywhere: paired by two codes for their camera, and let
// in no more.
import { useState } from "preact/hooks";
import { pageKey, post, read } from "./node.js";
import { announce, notice } from "./notice.jsx";
import { CopyButton, Prose, Skeleton, Sure, Trouble, useAsked, When } from "./parts.jsx";
import { signOut } from "./session.js";
import { t } from "./words.js";

const LOOK_SECONDS = 3;

export function Devices() {
  const [pairing, setPairing] = useState(null);
  return (
    <div class="stack">
      <Sessions watched={pairing !== null} />
      <Phones place={HOUSE} pairing={pairing?.place === HOUSE ? pairing.found : null} setPairing={(found) => setPairing(found && { place: HOUSE, found })} />
      <Phones place={ANYWHERE} pairing={pairing?.place === ANYWHERE ? pairing.found : null} setPairing={(found) => setPairing(found && { place: ANYWHERE, found })} />
    </div>
  );
}

/** What is said and asked of phones in the house. */
const HOUSE = {
  id: "phones",
  path: "/-/phone",
  setting: "phone",
  title: () => t("A phone in this house"),
  about: () => t("In the same network a phone uses this page over HTTPS. There it can be installed, listen to you and work offline, which browsers allow over HTTPS only."),
  button: () => t("Pair a phone"),
  vouches: () => t("It can vouch for nothing but addresses in houses."),
  url: (value) => value.urls[0],
};

/** The same of phones that come through a super node. */
const ANYWHERE = {
  id: "anywhere",
  path: "/-/phone/outside",
  setting: "phone_outside",
  title: () => t("A phone anywhere"),
  about: () => t("From outside a phone reaches this node through a super node, which passes the connection on, sealed. It sees that somebody comes, from which address, when and how much; not what. It can refuse to pass anything on. The owner of its domain could get a certificate of his own for this node's name and read along, which public logs would show: choose one whom you trust."),
  button: () => t("Pair a phone for anywhere"),
  vouches: () => t("It can vouch for nothing but the name of this node."),
  url: (value) => value.url,
};

/** All sessions; while a phone is paired its own appears by itself. */
function Sessions({ watched }) {
  const { value, fault, again } = useAsked(async () => (await read("/-/session/all")).sessions, watched ? LOOK_SECONDS : 0, [watched]);
  if (fault && !value) return <Trouble fault={fault} again={again} />;
  if (!value) return <Skeleton />;
  const end = async (one) => {
    try {
      await post(`/-/session/end/${one.id}`, {});
      notice(t("{name} is signed out", { name: one.browser || t("A browser") }));
    } catch (found) {
      notice(found.detail);
    }
    again();
  };
  return (
    <div class="stack">
      <p class="mid soft">{t("Here you are signed in as the owner of this node, for thirty days each after the link was opened.")}</p>
      {value.length > 0 && (
        <ul class="lines" aria-label={t("Devices")}>
          {value.map((one) => (
            <li class="row" key={one.id}>
              <div class="grow">
                <div class="mid"><b>{one.browser || t("A browser")}</b>{one.here && <span class="soft"> · {t("this one")}</span>}</div>
                <div class="soft small">{t("Signed in")} <When seconds={one.opened} />{!one.here && <> · {t("Used")} <When seconds={one.seen} /></>}</div>
              </div>
              {one.here
                ? <button type="button" class="quiet" onClick={signOut}>{t("Sign out")}</button>
                : <Sure label={t("Sign out")} question={t("End {name} now?", { name: one.browser || t("A browser") })} act={() => end(one)} />}
            </li>
          ))}
        </ul>
      )}
      <div><Sure label={t("Sign out everywhere")} question={t("End the sessions of all browsers?")} act={() => post("/-/session/end/all", {}).catch(() => {}).then(() => pageKey.set(null))} /></div>
    </div>
  );
}

function Phones({ place, pairing, setPairing }) {
  const { value, fault, again } = useAsked(() => read(place.path), pairing ? LOOK_SECONDS : 0, [pairing !== null]);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  if (fault && !value) return <Trouble fault={fault} again={again} />;
  if (!value) return <Skeleton />;
  const ask = (path, then) => async () => {
    setBusy(true);
    setWrong("");
    try {
      then(await post(path, {}));
    } catch (found) {
      setWrong(found.detail);
    }
    setBusy(false);
    again();
  };
  const pair = ask(`${place.path}/pair`, (found) => {
    setPairing(found);
    announce(t("Two codes are shown: scan them with the phone, one after the other."));
  });
  const stop = ask(`${place.path}/stop`, () => {
    setPairing(null);
    notice(t("Phones are let in no more"));
  });
  return (
    <section class="stack" aria-labelledby={place.id}>
      <h3 id={place.id}>{place.title()}</h3>
      <p class="mid soft">{place.about()}</p>
      {value.open && <p class="mid row"><span class={value.trouble ? "dot" : "dot good"} />{t("Phones are let in at {url}", { url: place.url(value) ?? "–" })}</p>}
      {value.trouble && <p class="mid wrong">{t("The super node passes nothing on just now: {why}", { why: value.trouble })}</p>}
      {value.allowed
        ? (
          <div class="row">
            <button type="button" class={pairing ? "quiet" : ""} disabled={busy} onClick={pair}>{pairing ? t("New codes") : place.button()}</button>
            {value.open && <Sure label={t("Stop")} question={t("Let no phone in any more?")} act={stop} />}
          </div>
        )
        : <p class="hint"><Prose>{t("The setting `{name}` of this node is off.", { name: place.setting })}</Prose></p>}
      {wrong && <p class="mid wrong" role="alert">{wrong}</p>}
      {pairing && <Pairing found={pairing} vouches={place.vouches()} />}
    </section>
  );
}

function Pairing({ found, vouches }) {
  return (
    <div class="stack">
      <div class="two">
        <Step title={t("1. Trust this node")} code={found.trust}>
          {t("Scan this with the phone's camera. The page that opens gives the phone a certificate of this node, and says how Android or an iPhone takes it.")} {vouches}
        </Step>
        <Step title={t("2. Sign in")} code={found.sign_in}>
          {t("Scan this once the phone trusts the node. It works once. Whoever scans it is you: show it to nobody else.")}
        </Step>
      </div>
      <div class="tight">
        <p class="mid"><Prose>{t("Compare: the phone's own list of certificates has `{name}`, and its SHA-256 fingerprint must be this one. The page of the first step comes without encryption, so that somebody in your network could have put in his own.", { name: found.name })}</Prose></p>
        <div class="row" style={{ flexWrap: "nowrap" }}><code class="small">{found.fingerprint}</code><CopyButton text={found.fingerprint} label={t("Copy the fingerprint")} /></div>
        <p class="hint">{t("Both codes are good for ten minutes. A phone that trusts this node already needs the second one only.")}</p>
      </div>
    </div>
  );
}

function Step({ title, code, children }) {
  return (
    <div class="card">
      <div class="body">
        <h4>{title}</h4>
        <Square rows={code.square} label={title} />
        <p class="mid">{children}</p>
        <code class="small">{code.link.replace(/#.*/, "#…")}</code>
      </div>
    </div>
  );
}

const QUIET = 4; // light modules around a code, by ISO/IEC 18004

/** A QR code, dark on light in every theme: cameras want it so. */
function Square({ rows, label }) {
  const size = rows.length + 2 * QUIET;
  const path = rows.flatMap((row, y) => [...row.matchAll(/1+/g)].map((run) => `M${run.index + QUIET} ${y + QUIET}h${run[0].length}v1h-${run[0].length}z`));
  return (
    <svg class="square" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t("Code for the camera: {what}", { what: label })} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path.join("")} fill="#000" />
    </svg>
  );
}
