// Keeps the app, and what was last known of services, for when the node is not reached. `FILES` is filled in by the build.
const FILES = [];
const VERSION = "";
const APP = `app ${VERSION}`, KNOWN = "known";
const KNOWN_MAX = 60;

const OFFLINE = { "micro-offline": "1" };

addEventListener("install", (event) => {
  event.waitUntil(caches.open(APP).then((cache) => cache.addAll(["/", ...FILES])).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name !== APP && name !== KNOWN).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname === "/") event.respondWith(fetch("/").catch(() => caches.match("/"))); // not as the request of a link elsewhere
  else if (url.pathname.startsWith("/assets/")) event.respondWith(caches.match(request.url).then((found) => found ?? fetch(request)));
  else if (/^\/api\/registry\/Registry\.(List|Get)$/.test(url.pathname)) event.respondWith(known(request));
});

/** Asks the node, and has the last answer where it is not reached. */
async function known(request) {
  const cache = await caches.open(KNOWN);
  try {
    const answer = await fetch(request);
    if (answer.ok) {
      await cache.delete(request.url);
      await cache.put(request.url, answer.clone());
      const keys = await cache.keys();
      await Promise.all(keys.slice(0, Math.max(0, keys.length - KNOWN_MAX)).map((key) => cache.delete(key)));
    }
    return answer;
  } catch (error) {
    const found = await cache.match(request.url);
    if (!found) throw error;
    return new Response(found.body, { status: 200, headers: { "Content-Type": "application/json", ...OFFLINE } });
  }
}
