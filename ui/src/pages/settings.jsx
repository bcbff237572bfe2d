// How the app looks and speaks, who is signed in, who this node is, and tokens for programs.
import { Devices } from "../devices.jsx";
import { control } from "../node.js";
import { Copied, CopyButton, Heading, OwnersOnly, Prose, Skeleton, Trouble, useAsked } from "../parts.jsx";
import { owner } from "../session.js";
import { useStore } from "../store.js";
import { Tokens } from "../tokens.jsx";
import { setTheme, theme } from "../theme.js";
import { VoiceSettings } from "../voice.jsx";
import { chosenLanguage, LANGUAGES, speak, t } from "../words.js";

export default function Settings() {
  const known = useStore(owner);
  return (
    <div class="column">
      <Heading>{t("Settings")}</Heading>
      <Look />
      <h2>{t("Voice")}</h2>
      <VoiceSettings />
      <h2>{t("Identity")}</h2>
      <OwnersOnly>
        <Identity />
        <h2>{t("API tokens")}</h2>
        <Tokens />
        <h2>{t("Devices")}</h2>
        <Devices />
        {known && <Bounds />}
      </OwnersOnly>
    </div>
  );
}

function Look() {
  const look = useStore(theme);
  const language = useStore(chosenLanguage);
  const choose = (code) => {
    chosenLanguage.set(code);
    speak(code || undefined);
  };
  return (
    <div class="two">
      <fieldset>
        <legend>{t("Theme")}</legend>
        {[["system", t("As the system has it")], ["light", t("Light")], ["dark", t("Dark")]].map(([key, name]) => (
          <label class="row mid" key={key}><input type="radio" name="theme" style={{ width: "20px", height: "20px", accentColor: "var(--accent)" }} checked={look === key} onChange={() => setTheme(key)} />{name}</label>
        ))}
      </fieldset>
      <div class="field">
        <label for="language">{t("Language")}</label>
        <select id="language" value={language} onChange={(event) => choose(event.currentTarget.value)}>
          <option value="">{t("As the browser has it")}</option>
          {Object.entries(LANGUAGES).map(([code, name]) => <option value={code} key={code} lang={code}>{name}</option>)}
        </select>
      </div>
    </div>
  );
}

function Identity() {
  const { value, fault, again } = useAsked(() => control("node", "Node.Status"));
  if (fault && !value) return <Trouble fault={fault} again={again} />;
  if (!value) return <Skeleton />;
  return (
    <div class="stack">
      <dl class="facts">
        <dt>{t("Node")}</dt><dd class="row" style={{ flexWrap: "nowrap" }}><code>{value.nid}</code><CopyButton text={value.nid} label={t("Copy the node's id")} /></dd>
        <dt>{t("Home")}</dt><dd><code>{value.home}</code></dd>
      </dl>
      <div class="tight">
        <h3>{t("Backup")}</h3>
        <p class="mid soft"><Prose>{t("The file `key` in the node's home is this identity. Whoever has it is this node, and without it the identity is lost: keep a copy where only you can read it. It is not shown here, so that no page can lose it.")}</Prose></p>
        <Copied text={`cp ${value.home}/key ~/micro-key.backup`} />
      </div>
    </div>
  );
}

/** What the node allows, as its services `config` and the settings say; changed in its configuration. */
function Bounds() {
  const { value } = useAsked(() => control("node", "Node.Status"));
  const lacks = value?.isolation?.lacks ?? [];
  if (!value?.isolation) return null;
  return (
    <div class="tight">
      <h2>{t("Limits of services")}</h2>
      <dl class="facts">
        <dt>{t("Confined by")}</dt><dd>{value.isolation.sandbox || t("nothing")}</dd>
        <dt>{t("It holds")}</dt><dd>{value.isolation.holds.join(", ") || "–"}</dd>
        {lacks.length > 0 && <><dt>{t("It lacks")}</dt><dd class="warn">{lacks.join(", ")}</dd></>}
        <dt>{t("Counted for each")}</dt><dd>{value.isolation.counted.join(", ") || "–"}</dd>
      </dl>
      <p class="hint"><Prose>{t("They are set in the node's `config.toml`.")}</Prose></p>
    </div>
  );
}
