// Emoji listens on PORT, says in /openapi.json what it does, and keeps nothing.
import { readFileSync } from "node:fs";
import { describe, list, name, random, replace, search } from "./emoji.js";
import { serve } from "./serve.js";

const description = JSON.parse(readFileSync(new URL("./openapi.json", import.meta.url), "utf8"));

serve({
  "/openapi.json": ["GET", () => description],
  "/search": ["GET", search],
  "/describe": ["GET", describe],
  "/random": ["GET", random],
  "/groups": ["GET", list],
  "/replace": ["POST", replace],
  "/name": ["POST", name],
});
