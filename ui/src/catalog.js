// The services in reach, kept in memory so that a search needs nobody.
import { read } from "./node.js";
import { store } from "./store.js";

const PAGE = 1000;
const SERVICES_MAX = 100_000;

/** `{services, fault}`; `services` is null until the first answer. */
export const catalog = store({ services: null, fault: null });
let text = "";

/** Asks for all services, a page at a time; nothing is drawn again where nothing changed. */
export async function load() {
  try {
    const found = [];
    for (let offset = 0; offset < SERVICES_MAX; offset += PAGE) {
      const page = await read(`/api/registry/Registry.List?limit=${PAGE}&offset=${offset}`);
      found.push(...page.services);
      if (page.services.length < PAGE || found.length >= page.total) break;
    }
    const now = JSON.stringify(found);
    if (now === text && !catalog.get().fault) return;
    text = now;
    catalog.set({ services: found.map(indexed), fault: null });
  } catch (fault) {
    if (fault.name !== "AbortError") catalog.set({ ...catalog.get(), fault });
  }
}

const indexed = (service) => ({ ...service, words: `${service.name} ${service.description}`.toLowerCase() });

/**
 * Returns the services that have every word, those first whose name begins with the first one.
 * @param {{words: string, name: string, where: string}[]} services
 */
export function search(services, query, where = "all") {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const here = where === "all" ? services : services.filter((service) => service.where === where || service.where === "both");
  if (!words.length) return here;
  const ranks = [[], [], []];
  for (const service of here) {
    if (!words.every((word) => service.words.includes(word))) continue;
    ranks[service.name.startsWith(words[0]) ? 0 : service.name.includes(words[0]) ? 1 : 2].push(service);
  }
  return ranks.flat();
}

/** Returns a service's description; a GET, so that it can be looked at again without the node. */
export const describe = (name) => read(`/api/registry/Registry.Get?name=${encodeURIComponent(name)}`);
