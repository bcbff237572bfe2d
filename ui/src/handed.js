// A request on its way from one page to the form of another; in memory, so that no address and no history has it.
let handed = null;

/** Hands a request to the form of an endpoint, which is opened next. */
export const hand = (service, endpoint, request) => (handed = { service, endpoint, request });

/** Returns what was handed to an endpoint's form, undefined where nothing was. */
export const handedTo = (service, endpoint) => (handed?.service === service && handed.endpoint === endpoint ? handed.request : undefined);

// Whoever goes on from there has done with it.
addEventListener("hashchange", ({ oldURL }) => {
  if (handed && oldURL.includes(`#/services/${encodeURIComponent(handed.service)}/${encodeURIComponent(handed.endpoint)}`)) handed = null;
});
