// What bytes are, by how they begin. A stranger's bytes are shown as a picture, sound or film, and never as a page.
const BEGINNINGS = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
  ["audio/mpeg", [0x49, 0x44, 0x33]],
  ["audio/mpeg", [0xff, 0xfb]],
  ["audio/ogg", [0x4f, 0x67, 0x67, 0x53]],
  ["audio/flac", [0x66, 0x4c, 0x61, 0x43]],
  ["video/webm", [0x1a, 0x45, 0xdf, 0xa3]],
];
const READ_BYTES = 512;
const TEXT_BYTES_MAX = 262_144;

/** Returns the media type of a Blob: a picture, sound or film, `text/plain`, or "" for what nobody can show. */
export async function mediaType(blob) {
  const head = new Uint8Array(await blob.slice(0, READ_BYTES).arrayBuffer());
  for (const [type, beginning] of BEGINNINGS) {
    if (beginning.every((byte, index) => head[index] === byte)) return type;
  }
  const ascii = String.fromCharCode(...head);
  if (ascii.startsWith("RIFF")) return { WEBP: "image/webp", WAVE: "audio/wav" }[ascii.slice(8, 12)] ?? "";
  if (ascii.slice(4, 8) === "ftyp") return "video/mp4";
  if (/^\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg[\s>]/s.test(ascii)) return "image/svg+xml";
  if (blob.size > TEXT_BYTES_MAX) return "";
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(await blob.arrayBuffer());
    return "text/plain";
  } catch {
    return "";
  }
}

const DATA_URL = /^data:(image\/(?:png|jpeg|gif|webp|svg\+xml)|audio\/[\w.+-]+);base64,([A-Za-z0-9+/=]+)$/;

/** Returns the bytes that a text stands for: a data URL, an SVG, or base64 where the schema says so; else null. */
export function bytesWithin(text, schema) {
  try {
    const found = DATA_URL.exec(text);
    if (found) return decoded(found[2]);
    if (/^\s*(<\?xml[^>]*>\s*)?<svg[\s>]/.test(text)) return new Blob([text]);
    if (schema?.contentEncoding === "base64" && text) return decoded(text);
  } catch {
    return null; // it says it is base64, and is not
  }
  return null;
}

const decoded = (base64) => new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))]);
