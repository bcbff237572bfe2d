// Tokens for programs: made for what they may reach and for how long, shown once, taken back.
import { useState } from "preact/hooks";
import { describe } from "./catalog.js";
import { control } from "./node.js";
import { announce, notice } from "./notice.jsx";
import { CopyButton, Skeleton, Sure, Trouble, useAsked, When } from "./parts.jsx";
import { t } from "./words.js";

const DAY = 86_400, LOOKED_UP_MAX = 32;

export function Tokens() {
  const { value, fault, again } = useAsked(async () => (await control("auth", "Tokens.List")).tokens);
  if (fault && !value) return <Trouble fault={fault} again={again} />;
  if (!value) return <Skeleton />;
  const drop = async (name) => {
    try {
      await control("auth", "Tokens.Delete", { name });
      notice(t("{name} is taken back", { name }));
    } catch (found) {
      notice(found.detail);
    }
    again();
  };
  return (
    <div class="stack">
      <p class="mid soft">{t("A program on another machine, or one that shall not have all your rights, shows such a token.")}</p>
      {value.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label={t("API tokens")}>
          <table>
            <thead><tr><th scope="col">{t("Name")}</th><th scope="col">{t("It may reach")}</th><th scope="col">{t("Until")}</th><th scope="col">{t("Used")}</th><th scope="col"><span class="unseen">{t("Actions")}</span></th></tr></thead>
            <tbody>
              {value.map((one) => (
                <tr key={one.name}>
                  <th scope="row">{one.name}</th>
                  <td>{one.scopes.length ? one.scopes.map((scope) => <div key={scope}><code>{scope}</code></div>) : t("every service")}</td>
                  <td>{one.expired ? <span class="bad">{t("ended")}</span> : one.expires ? <When seconds={one.expires} /> : t("for ever")}</td>
                  <td>{one.used ? <When seconds={one.used} /> : t("never")}</td>
                  <td><Sure label={t("Take back")} question={t("End {name} now?", { name: one.name })} act={() => drop(one.name)} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Making again={again} />
    </div>
  );
}

/** Returns those scopes that name a service or an endpoint which nobody in reach has; topics and patterns are not looked up. */
async function strangeAmong(scopes) {
  const isStrange = async (scope) => {
    const [service, endpoint] = scope.split(":");
    if (service === "topic" || scope.includes("*")) return false;
    try {
      const { endpoints } = await describe(service);
      return endpoint !== undefined && !endpoints.some(({ name }) => name === endpoint || name.startsWith(`${endpoint}.`));
    } catch (fault) {
      return fault.code === 404 || fault.code === 400;
    }
  };
  const strange = await Promise.all(scopes.slice(0, LOOKED_UP_MAX).map(isStrange));
  return scopes.filter((_, index) => strange[index]);
}

function Making({ again }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState("");
  const [days, setDays] = useState("90");
  const [wrong, setWrong] = useState("");
  const [made, setMade] = useState(null);
  const [doubt, setDoubt] = useState("");
  const make = async (event) => {
    event.preventDefault();
    setMade(null);
    if (!name.trim()) {
      setWrong(t("This is needed."));
      return document.getElementById("token-name").focus();
    }
    const wanted = scopes.split(/[\s,;]+/).filter(Boolean);
    const strange = (await strangeAmong(wanted)).join(", ");
    if (strange && doubt !== strange) {
      setWrong("");
      setDoubt(strange); // whoever presses again means what will be there later
      return document.getElementById("token-scopes").focus();
    }
    try {
      const request = { name: name.trim(), scopes: wanted, expiry_seconds: Number(days) * DAY };
      setMade({ name: request.name, token: (await control("auth", "Tokens.Create", request)).token });
      setDoubt("");
      announce(t("The token is made; it is shown this once."));
      setWrong("");
      setName("");
    } catch (fault) {
      setWrong(fault.detail);
    }
    again();
  };
  return (
    <form class="stack" noValidate onSubmit={make}>
      <div class="two">
        <div class="field">
          <label for="token-name">{t("Name of a new token")}</label>
          <input id="token-name" value={name} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} aria-invalid={wrong ? "true" : undefined} aria-describedby="token-wrong" />
          <span class="wrong" id="token-wrong" role={wrong ? "alert" : undefined}>{wrong}</span>
        </div>
        <div class="field">
          <label for="token-days">{t("Good for")}</label>
          <select id="token-days" value={days} onChange={(event) => setDays(event.currentTarget.value)}>
            <option value="1">{t("a day")}</option><option value="30">{t("30 days")}</option><option value="90">{t("90 days")}</option><option value="365">{t("a year")}</option>
          </select>
        </div>
      </div>
      <div class="field">
        <label for="token-scopes">{t("What it may reach")}<span class="hint"> · {t("optional")}</span></label>
        <input id="token-scopes" value={scopes} autocomplete="off" placeholder="greeter greeter:Say.Hello topic:orders" onInput={(event) => { setScopes(event.currentTarget.value); setDoubt(""); }} aria-describedby="token-scopes-about token-scopes-doubt" />
        <span class="warn" id="token-scopes-doubt" role={doubt ? "alert" : undefined}>{doubt && t("Nothing in reach is called {names}. Press again if it will be there later.", { names: doubt })}</span>
        <small id="token-scopes-about">{t("Services, endpoints and topics, with blanks between them; nothing is every service.")}</small>
      </div>
      {made && (
        <div class="state" role="status">
          <p class="mid"><b>{made.name}</b>. {t("Copy it now: it is shown this once, and kept nowhere.")}</p>
          <div class="row" style={{ flexWrap: "nowrap" }}><code>{made.token}</code><CopyButton text={made.token} label={t("Copy the token")} /></div>
        </div>
      )}
      <div><button class="quiet">{t("Make a token")}</button></div>
    </form>
  );
}
