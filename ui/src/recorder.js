// The microphone: what was said, as a WAV file of one channel, 16 bits, 16,000 Hz; its end is found by the silence after it.
import worklet from "./samples.js?url";

const RATE = 16000, SECONDS_MAX = 29;
const LOOK_SECONDS = 0.1, SILENCE_SECONDS = 1.1, WAIT_SECONDS = 8;
const LOUD_MIN = 0.008, LOUDER = 3; // of what is heard when nobody speaks

/**
 * Begins to record.
 * @param {{level: function(number), ended: function()}} tell how loud it is, from 0 to 1; that somebody has spoken and is silent.
 * @returns {Promise<{stop: function(): Promise<Uint8Array|null>, cancel: function(), wait: function(boolean)}>}
 */
export async function record({ level, ended }) {
  const media = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
  const context = new AudioContext();
  const close = () => {
    for (const track of media.getTracks()) track.stop(); // the browser shows that nobody listens any more
    if (context.state !== "closed") context.close();
  };
  try {
    await context.audioWorklet.addModule(worklet);
  } catch (error) {
    close();
    throw error;
  }
  const node = new AudioWorkletNode(context, "samples", { numberOfOutputs: 0 });
  const pieces = [];
  const hearing = endOf(context.sampleRate);
  let count = 0, heldOpen = false, told = false;
  node.port.onmessage = ({ data }) => {
    if (told) return;
    pieces.push(data);
    count += data.length;
    const { loudness, isOver } = hearing(data);
    level(Math.min(1, loudness * 8));
    if ((isOver && !heldOpen) || count >= SECONDS_MAX * context.sampleRate) {
      told = true;
      ended();
    }
  };
  context.createMediaStreamSource(media).connect(node);
  context.resume().catch(() => {}); // some browsers begin with a pause where no key was pressed just before
  media.getAudioTracks()[0].onended = () => told || ((told = true), ended()); // somebody took the microphone away
  return {
    /** Whether silence ends it: not while a key or a finger holds it open. */
    hold: (open) => (heldOpen = open),
    cancel() {
      told = true;
      close();
    },
    async stop() {
      told = true;
      close();
      return count ? wavOf(await resampled(pieces, count, context.sampleRate)) : null;
    },
  };
}

/** Follows loudness: it is over when somebody spoke and has been silent, or nobody spoke for long. */
function endOf(rate) {
  const size = LOOK_SECONDS * rate;
  let sum = 0, count = 0, loudness = 0, quiet = 1, spoke = false, silent = 0;
  return (samples) => {
    for (const one of samples) sum += one * one;
    count += samples.length;
    if (count >= size) {
      loudness = Math.sqrt(sum / count);
      quiet = Math.min(quiet * 1.02, Math.max(loudness, 0.0005));
      const isSpeech = loudness > Math.max(LOUD_MIN, quiet * LOUDER);
      silent = isSpeech ? 0 : silent + count / rate;
      spoke ||= isSpeech;
      sum = count = 0;
    }
    return { loudness, isOver: silent >= (spoke ? SILENCE_SECONDS : WAIT_SECONDS) };
  };
}

async function resampled(pieces, count, rate) {
  const offline = new OfflineAudioContext(1, Math.max(1, Math.floor((count * RATE) / rate)), RATE);
  const held = offline.createBuffer(1, count, rate);
  const channel = held.getChannelData(0);
  let at = 0;
  for (const piece of pieces) {
    channel.set(piece, at);
    at += piece.length;
  }
  const source = offline.createBufferSource();
  source.buffer = held;
  source.connect(offline.destination);
  source.start();
  return (await offline.startRendering()).getChannelData(0);
}

function wavOf(samples) {
  const bytes = new Uint8Array(44 + samples.length * 2);
  const view = new DataView(bytes.buffer);
  const word = (at, text) => [...text].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  word(0, "RIFF"), view.setUint32(4, bytes.length - 8, true), word(8, "WAVEfmt ");
  view.setUint32(16, 16, true), view.setUint16(20, 1, true), view.setUint16(22, 1, true), view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * 2, true), view.setUint16(32, 2, true), view.setUint16(34, 16, true);
  word(36, "data"), view.setUint32(40, samples.length * 2, true);
  samples.forEach((one, index) => view.setInt16(44 + index * 2, Math.round(Math.max(-1, Math.min(1, one)) * 32767), true));
  return bytes;
}
