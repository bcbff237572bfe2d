// Quote listens on PORT, says in /openapi.json what it does, and keeps nothing.
import { readFileSync } from "node:fs";
import { authors, day, random, search, subjects } from "./quotes.js";
import { serve } from "./serve.js";

const description = JSON.parse(readFileSync(new URL("./openapi.json", import.meta.url), "utf8"));

serve({
  "/openapi.json": ["GET", () => description],
  "/random": ["GET", random],
  "/day": ["GET", day],
  "/search": ["GET", search],
  "/authors": ["GET", authors],
  "/subjects": ["GET", subjects],
});
