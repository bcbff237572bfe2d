// What this node built and ran lately: each step, why it failed, and what to do next. It outlives a visit of the page.
import { useState } from "preact/hooks";
import { control } from "./node.js";
import { Prose, useAsked, When } from "./parts.jsx";
import { to } from "./route.js";
import { Steps } from "./steps.jsx";
import { t } from "./words.js";

const LOOK_SECONDS = 3, SHOWN = 8;
const STATES = { busy: { word: "under way", dot: "warn" }, failed: { word: "failed", dot: "bad" }, done: { word: "it runs", dot: "good" } };

/** `again` takes a work whose source is to be looked at once more; `isShown` leaves out what the page shows elsewhere. */
export function Works({ again, isShown = () => true }) {
  const { value } = useAsked(async () => (await control("runtime", "Runtime.Works", { limit: SHOWN })).works, LOOK_SECONDS);
  const works = (value ?? []).filter(isShown);
  if (!works.length) return null; // whoever cannot be told of them loses nothing else of the page
  return (
    <section class="stack" aria-label={t("Last builds")}>
      <h2>{t("Last builds")}</h2>
      {works.map((work) => <Work key={work.number} work={work} again={() => again(work)} />)}
    </section>
  );
}

function Work({ work, again }) {
  const [open, setOpen] = useState(false);
  const phase = !work.ended ? "busy" : work.failed ? "failed" : "done";
  const id = `work-${work.number}`;
  return (
    <article class="card" aria-label={work.service}>
      <div class="head">
        <span><span class={`dot ${STATES[phase].dot}`} /><b>{work.service}</b></span>
        <span class="soft end">{t(STATES[phase].word)} · <When seconds={work.ended || work.began} /></span>
      </div>
      {(open || phase !== "done") && <div class="body" id={id}>
        <p class="mono soft mid">{work.source}</p>
        {work.failed && <p class="bad"><Prose>{work.reason}</Prose></p>}
        {work.failed && <p class="hint">{work.logged ? t("Mend it at its source, then look at it again. Its log has all that it wrote.") : t("Mend it at its source, then look at it again.")}</p>}
        {open && <Steps phase={phase} lines={work.steps.map((line) => ({ ...line, failed: line.step === "failed" }))} />}
      </div>}
      <div class="foot">
        <button type="button" class="plain" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>{open ? t("Hide its steps") : t("Show its steps")}</button>
        {work.failed && <button type="button" class="plain" onClick={again}>{t("Look at it again")}</button>}
        {(work.logged || phase === "done") && <a href={to("mine", [work.service])}>{work.failed ? t("Open its log") : t("Open the service")}</a>}
      </div>
    </article>
  );
}
