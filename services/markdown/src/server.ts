// Markdown listens on PORT, says in /openapi.json what it does, and keeps nothing.
import { readFileSync } from "node:fs";
import { contents, html, links, plainText } from "./markdown.js";
import { type Handler, serve } from "./serve.js";

const description = JSON.parse(readFileSync(new URL("../openapi.json", import.meta.url), "utf8")) as object;

serve(
  description,
  new Map<string, Handler>([
    ["/html", html],
    ["/text", plainText],
    ["/contents", contents],
    ["/links", links],
  ]),
);
