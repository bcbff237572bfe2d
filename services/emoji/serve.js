// As much of a web server as a service on the same machine needs: GET with a query or POST with a JSON object, bounded.
import { createServer } from "node:http";

const BODY_BYTES_MAX = 1_000_000;

/** An error that the caller made, with the status that says which. */
export class Refused extends Error {
  constructor(detail, status = 400) {
    super(detail);
    this.status = status;
  }
}

async function bodyOf(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > BODY_BYTES_MAX) throw new Refused(`the request has more than ${BODY_BYTES_MAX} bytes`, 413);
    parts.push(part);
  }
  let found;
  try {
    found = JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new Refused("the request is no JSON");
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw new Refused("the request is no JSON object");
  return found;
}

async function answered(request, routes) {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const found = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
  if (!found) throw new Refused(`there is no ${pathname}: /openapi.json lists what there is`, 404);
  const [method, handler] = found;
  if (request.method !== method) throw new Refused(`ask with ${method}`, 405);
  return handler(method === "GET" ? Object.fromEntries(searchParams) : await bodyOf(request));
}

/** Listens on PORT and answers by `routes`: for each path a method and a function of what was given. */
export function serve(routes) {
  const server = createServer(async (request, response) => {
    try {
      const body = JSON.stringify(await answered(request, routes));
      response.writeHead(200, { "Content-Type": "application/json" }).end(body);
    } catch (error) {
      if (!(error instanceof Refused)) console.error(error);
      const detail = error instanceof Refused ? error.message : "this service has a fault of its own; its log says more";
      response.writeHead(error.status ?? 500, { "Content-Type": "text/plain; charset=utf-8", Connection: "close" }).end(detail);
    }
  });
  server.listen(Number(process.env.PORT ?? 8000), "127.0.0.1");
}

/** Returns a text field, at most so long. */
export function text(given, name, lengthMax, fallback) {
  const found = given[name] ?? fallback;
  if (typeof found !== "string") throw new Refused(`${name}: expected a text`);
  if (found.length > lengthMax) throw new Refused(`${name}: at most ${lengthMax} characters, and there are ${found.length}`);
  return found;
}

/** Returns a whole number within bounds. */
export function count(given, name, least, most, fallback) {
  const said = given[name] ?? fallback;
  const found = typeof said === "string" && /^-?\d{1,9}$/.test(said) ? Number(said) : said;
  if (!Number.isInteger(found) || found < least || found > most)
    throw new Refused(`${name}: expected a whole number from ${least} to ${most}, and it is ${JSON.stringify(said).slice(0, 40)}`);
  return found;
}
