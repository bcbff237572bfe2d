// Reads texts out: with a voice of the browser's that speaks on this device, else with the node's.
import { call } from "./node.js";

const TEXT_CHARACTERS_MAX = 600, SECONDS_MAX = 120;

let sounding = null; // what ends the reading under way

const voices = () => globalThis.speechSynthesis?.getVoices() ?? [];
voices(); // browsers look for them when they are first asked

/** A voice that sends nothing to anybody. */
const ownVoice = (language) => voices().find((voice) => voice.localService && voice.lang.toLowerCase().startsWith(language));

export const speaks = (language, engines) => Boolean(ownVoice(language)) || engines.some((one) => knows(one, language));

export const knows = (engine, language) => !engine.languages.length || engine.languages.includes(language);

export const silence = () => sounding?.();

/** Reads a text out; returns when it was read, or was ended. */
export async function speak(text, language, engines) {
  silence();
  const said = text.slice(0, TEXT_CHARACTERS_MAX);
  const voice = ownVoice(language);
  if (voice) return spokenHere(said, voice);
  if (engines.some((one) => knows(one, language))) return spokenByNode(said, language);
}

/** Notes what ends a reading, and returns what is awaited until it has ended. */
const until = (silenced) => new Promise((resolve) => {
  const end = () => {
    clearTimeout(timer);
    if (sounding === end) sounding = null;
    silenced();
    resolve();
  };
  const timer = setTimeout(end, SECONDS_MAX * 1000); // some browsers forget to say that they are done
  sounding = end;
});

function spokenHere(text, voice) {
  const utterance = new SpeechSynthesisUtterance(text);
  utterance.voice = voice;
  utterance.lang = voice.lang;
  const done = until(() => speechSynthesis.cancel());
  utterance.onend = utterance.onerror = sounding;
  speechSynthesis.speak(utterance);
  return done;
}

async function spokenByNode(text, language) {
  const controller = new AbortController();
  const player = new Audio();
  const done = until(() => {
    controller.abort();
    player.pause();
    if (player.src) URL.revokeObjectURL(player.src);
  });
  const end = sounding;
  try {
    const { blob } = await call("voice", "Voice.Say", { text, language }, { signal: controller.signal });
    player.src = URL.createObjectURL(new Blob([blob], { type: "audio/wav" }));
    player.onended = player.onerror = end;
    await player.play();
  } catch {
    end(); // the answer stands on the page, too
  }
  return done;
}
