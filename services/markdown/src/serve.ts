// As much of a web server as a service on the same machine needs: POST with a JSON object, everything bounded.
import { createServer, type IncomingMessage } from "node:http";

const BODY_BYTES_MAX = 2_000_000;
const ANSWER_CHARACTERS_MAX = 2_500_000;

/** What was asked: the members of a JSON object. */
export type Given = Record<string, unknown>;

export type Handler = (given: Given) => object;

/** An error that the caller made, with the status that says which. */
export class Refused extends Error {
  constructor(
    detail: string,
    readonly status = 400,
  ) {
    super(detail);
  }
}

async function bodyOf(request: IncomingMessage): Promise<Given> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > BODY_BYTES_MAX) throw new Refused(`the request has more than ${BODY_BYTES_MAX} bytes`, 413);
    parts.push(part);
  }
  let found: unknown;
  try {
    found = JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new Refused("the request is no JSON");
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw new Refused("the request is no JSON object");
  return found as Given;
}

async function answered(request: IncomingMessage, description: object, routes: ReadonlyMap<string, Handler>): Promise<string> {
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  if (path === "/openapi.json") return JSON.stringify(description);
  const handler = routes.get(path);
  if (!handler) throw new Refused(`there is no ${path.slice(0, 100)}: /openapi.json lists what there is`, 404);
  if (request.method !== "POST") throw new Refused("ask with POST", 405);
  const answer = JSON.stringify(handler(await bodyOf(request)));
  if (answer.length > ANSWER_CHARACTERS_MAX) throw new Refused("the answer would be too large: send the text in parts", 413);
  return answer;
}

/** Listens on PORT and answers by `routes`. */
export function serve(description: object, routes: ReadonlyMap<string, Handler>): void {
  const server = createServer((request, response) => {
    answered(request, description, routes).then(
      (body) => response.writeHead(200, { "Content-Type": "application/json" }).end(body),
      (error: unknown) => {
        const refused = error instanceof Refused ? error : new Refused("this service has a fault of its own; its log says more", 500);
        if (refused !== error) console.error(error);
        const headers = { "Content-Type": "text/plain; charset=utf-8", Connection: "close" };
        response.writeHead(refused.status, headers).end(refused.message);
      },
    );
  });
  server.listen(Number(process.env["PORT"] ?? 8000), "127.0.0.1");
}

/** Returns a text, at most so long. */
export function text(given: Given, name: string, lengthMax: number): string {
  const found = given[name];
  if (typeof found !== "string") throw new Refused(`${name}: expected a text`);
  if (found.length > lengthMax) throw new Refused(`${name}: at most ${lengthMax} characters, and there are ${found.length}`);
  return found;
}

/** Returns a yes or no. */
export function truth(given: Given, name: string, fallback: boolean): boolean {
  const found = given[name] ?? fallback;
  if (typeof found !== "boolean") throw new Refused(`${name}: expected true or false`);
  return found;
}
