// Voice: what is said becomes a turn of the conversation, and what comes of it is read out.
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icons.jsx";
import { control } from "./node.js";
import { announce, notice } from "./notice.jsx";
import { Prose } from "./parts.jsx";
import { record } from "./recorder.js";
import { knows, silence, speak, speaks } from "./speaker.js";
import { lasting, store, useStore } from "./store.js";
import { say, stop } from "./talk.js";
import { spoken, t } from "./words.js";

const HELD_SECONDS = 0.4; // who holds longer speaks while he holds

/** Whether answers are read out to whoever spoke. */
export const aloud = lasting("aloud", true);
/** What hears and speaks at the node; null while nobody knows. */
export const engines = store(null);

const phase = store("quiet"); // quiet, opening, listening, hearing, speaking
const level = store(0);
let recorder = null;
let turn = 0; // what belongs to an older one is not done any more

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && globalThis.AudioWorkletNode);

export async function look() {
  try {
    engines.set(await control("voice", "Voice.Status", {}));
  } catch {
    engines.set({ hearing: [], speaking: [], remedies: [] }); // whoever may not ask is not heard either
  }
}

/** The language to be heard: the page's, or else one that something here understands. */
function heardLanguage() {
  const known = engines.get().hearing;
  return known.some((one) => knows(one, spoken.get())) ? spoken.get() : (known[0]?.languages[0] ?? "");
}

const languageName = (code) => new Intl.DisplayNames([spoken.get()], { type: "language" }).of(code);

/** Ends whatever is under way: nobody listens, and nothing is read out. */
export function hush() {
  turn++;
  recorder?.cancel();
  recorder = null;
  silence();
  phase.set("quiet");
  level.set(0);
}

async function listen() {
  hush();
  const mine = turn;
  phase.set("opening");
  control("voice", "Voice.Prepare", { language: heardLanguage() }).catch(() => {}); // while somebody still speaks
  try {
    const opened = await record({ level: (loud) => level.set(loud), ended: () => finish() });
    if (turn !== mine) return opened.cancel();
    recorder = opened;
    recorder.hold(holding);
  } catch (error) {
    if (turn === mine) hush();
    return notice(error.name === "NotFoundError" ? t("There is no microphone.") : t("The browser does not let this page hear. Allow it the microphone, then try again."));
  }
  phase.set("listening");
  announce(t("Listening"));
  if (!wanted) finish(); // it was let go before the microphone was open
}

async function finish() {
  if (!recorder) return;
  const mine = turn;
  const stopped = recorder;
  recorder = null;
  level.set(0);
  phase.set("hearing");
  try {
    const wav = await stopped.stop();
    const text = wav ? (await control("voice", "Voice.Hear", { audio: base64(wav), language: heardLanguage() })).text : "";
    if (turn !== mine) return;
    if (!text) {
      phase.set("quiet");
      return notice(t("Nothing was understood. Speak again, or type."));
    }
    phase.set("quiet"); // whoever presses now says something more: the turn is seen to be under way
    await answered(mine, await say({ text }, text));
  } catch (fault) {
    if (turn !== mine) return;
    phase.set("quiet");
    notice(fault.detail ?? String(fault));
  }
}

/** Reads out what came, and listens again where that waits for an answer. */
async function answered(mine, { heard, waitsFor }) {
  if (turn !== mine) return;
  const text = readable(heard);
  if (text && aloud.get()) {
    phase.set("speaking");
    await speak(text, spoken.get(), engines.get().speaking);
  }
  if (turn !== mine) return;
  phase.set("quiet");
  if (waitsFor) {
    wanted = true;
    holding = false;
    listen();
  }
}

const READ = ["told", "ask", "confirm", "choices", "result", "failed"];

const readable = (heard) => heard.filter((event) => READ.includes(event.kind) && event.text && !event.bytes)
  .map((event) => (event.choices ? `${event.text} ${event.choices.map((one) => one.label ?? one.title).join(", ")}` : event.text)).join(". ");

function base64(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; at += 8190) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8190)));
  return btoa(parts.join(""));
}

let wanted = false; // whether the button was not let go too soon
let holding = false;
let since = 0;

function press() {
  const now = phase.get();
  if (now === "listening") return finish();
  if (now === "opening" || now === "hearing") return hush();
  stop(true);
  since = performance.now();
  wanted = holding = true;
  listen(); // also while something is read out: who begins to speak is heard
}

function release() {
  if (!holding) return;
  holding = false;
  const isHeld = performance.now() - since > HELD_SECONDS * 1000;
  if (isHeld && phase.get() === "opening") wanted = false;
  else if (isHeld) finish();
  else recorder?.hold(false);
}

const WORDS = { quiet: "Hold to talk, or press and speak", opening: "Opening the microphone", listening: "Listening; press when you are done", hearing: "Understanding", speaking: "Reading out; press to speak" };

/** The button; nothing where nobody could be heard. */
export function Microphone() {
  const known = useStore(engines);
  const now = useStore(phase);
  const loud = useStore(level);
  const byKey = useRef(false);
  useEffect(() => {
    if (!known) look();
    const onKey = (event) => event.key === "Escape" && phase.get() !== "quiet" && hush();
    addEventListener("keydown", onKey);
    return () => {
      removeEventListener("keydown", onKey);
      hush();
    };
  }, []);
  if (!known?.hearing.length || !canRecord()) return null;
  const isKey = (event) => event.key === " " || event.key === "Enter";
  const keys = {
    onKeyDown: (event) => isKey(event) && (event.preventDefault(), event.repeat || ((byKey.current = true), press())),
    onKeyUp: (event) => isKey(event) && (event.preventDefault(), byKey.current && release(), (byKey.current = false)),
  };
  const pointer = {
    onPointerDown: (event) => event.button === 0 && (event.currentTarget.setPointerCapture(event.pointerId), press()),
    onPointerUp: release,
    onPointerCancel: release,
    onContextMenu: (event) => event.preventDefault(), // of who holds with a finger
    onClick: (event) => event.detail === 0 && (press(), release()), // by what reads the screen, without a pointer
  };
  const heard = heardLanguage();
  const label = heard && heard !== spoken.get() ? `${t(WORDS[now])} (${languageName(heard)})` : t(WORDS[now]);
  return (
    <>
      <button type="button" class={`quiet voice ${now}`} aria-label={label} title={label} aria-pressed={now === "listening"} style={{ "--loud": loud.toFixed(2) }} {...keys} {...pointer}>
        <Icon name="microphone" />
      </button>
      {now === "speaking" && <button type="button" class="quiet" onClick={hush}><Icon name="stop" />{t("Stop")}</button>}
      {now !== "quiet" && now !== "speaking" && <span class="voice-state" role="status">{now === "hearing" ? t("Understanding…") : t("Listening…")}</span>}
    </>
  );
}

/** What the settings say of it. */
export function VoiceSettings() {
  const known = useStore(engines);
  const reads = useStore(aloud);
  useEffect(() => {
    if (!known) look();
  }, []);
  if (!known) return null;
  const named = (list) => list.map((one) => `${one.engine}${one.languages.length ? ` (${one.languages.join(", ")})` : ""}`).join(", ");
  const own = speaks(spoken.get(), []);
  const isUnheard = known.hearing.length > 0 && !known.hearing.some((one) => knows(one, spoken.get()));
  return (
    <div class="tight">
      <dl class="facts">
        <dt>{t("It hears with")}</dt><dd>{named(known.hearing) || t("nothing")}</dd>
        <dt>{t("It speaks with")}</dt><dd>{own ? t("a voice of this browser") : named(known.speaking) || t("nothing")}</dd>
      </dl>
      {isUnheard && (
        <p class="hint warn">
          <Prose>{t("Nothing here hears {language}: speak {heard}, or type. A model that hears it is named by the setting `voice_hearing`, such as `whisper:FOLDER`.", { language: languageName(spoken.get()), heard: languageName(heardLanguage()) })}</Prose>
        </p>
      )}
      {known.remedies.map((remedy) => <p class="hint" key={remedy}>{t("On the node:")} <Prose>{remedy}</Prose></p>)}
      {!canRecord() && <p class="hint">{t("This browser lets a page hear only at an address of this machine, or over HTTPS.")}</p>}
      <label class="row mid"><input type="checkbox" checked={reads} onChange={(event) => aloud.set(event.currentTarget.checked)} />{t("Read answers out to whoever spoke")}</label>
    </div>
  );
}
