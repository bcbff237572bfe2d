// From source to a service: look at it, run it here unseen, see the forms that others will see, then offer it.
import { useRef, useState } from "preact/hooks";
import { describe, load } from "../catalog.js";
import { control } from "../node.js";
import { notice } from "../notice.jsx";
import { Heading, Offline, OwnersOnly, Said, Trouble } from "../parts.jsx";
import { go, to } from "../route.js";
import { Run } from "../run.jsx";
import { Steps, useSteps } from "../steps.jsx";
import { t } from "../words.js";
import { Works } from "../works.jsx";
import { headAndRest } from "./service.jsx";

export default function Publish() {
  return (
    <div class="column">
      <Heading>{t("Publish")}</Heading>
      <Offline />
      <OwnersOnly><Flow /></OwnersOnly>
    </div>
  );
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

function Flow() {
  const [source, setSource] = useState("");
  const [name, setName] = useState("");
  const [network, setNetwork] = useState(false);
  const [wrong, setWrong] = useState({});
  const [found, setFound] = useState(null);
  const [looking, setLooking] = useState(false);
  const [service, setService] = useState(null);
  const [fault, setFault] = useState(null);
  const steps = useSteps();
  const next = useRef();

  const before = useRef(0); // the newest build that was there before the one that is shown with its source
  const look = async (source, name) => {
    const trouble = { ...(source.trim() ? {} : { source: t("This is needed.") }), ...(!name || NAME.test(name) ? {} : { name: t("Small letters, digits and dashes, beginning with a letter.") }) };
    setWrong(trouble);
    if (trouble.source || trouble.name) return document.getElementById(trouble.source ? "source" : "service-name").focus();
    setLooking(true);
    setFound(null);
    setService(null);
    try {
      setFound(await control("runtime", "Runtime.Detect", { source: source.trim() }));
      requestAnimationFrame(() => next.current?.focus());
    } catch (caught) {
      setWrong({ source: caught.detail });
      document.getElementById("source").focus();
    }
    setLooking(false);
  };
  // Until its owner has seen it, nobody else does; a node without a network, which says 404, offers nothing to anybody.
  const hide = (service) => control("network", "Network.Offer", { name: service, offered: false }).catch((caught) => { if (caught.code !== 404) throw caught; });
  const lookAgain = (work) => {
    setSource(work.source);
    setName(work.name);
    look(work.source, work.name);
  };
  const run = async () => {
    setFault(null);
    const hidden = name || found.name;
    try {
      before.current = (await control("runtime", "Runtime.Works", { limit: 1 })).works[0]?.number ?? 0;
      await hide(hidden);
    } catch (caught) {
      return setFault(caught); // it would run seen
    }
    const last = await steps.start("runtime", "Runtime.Run", { source: source.trim(), ...(name ? { name } : {}), ...(network ? { allow: ["network"] } : {}) });
    if (!last) return;
    // It may have registered under another name than its source said.
    try {
      if (last.service !== hidden) await hide(last.service);
      setService(await describe(last.service));
      load();
    } catch (caught) {
      setFault(caught);
    }
  };
  const field = (id, value) => ({ id, value, autocomplete: "off", "aria-invalid": wrong[id] ? "true" : undefined, "aria-describedby": `${id}-about` });
  return (
    <>
      <p class="soft">{t("Any git repository or folder can become a service. Nothing of it runs before you say so, and nobody else sees it before you offer it.")}</p>
      <form class="stack" noValidate onSubmit={(event) => { event.preventDefault(); look(source, name); }}>
        <div class="field">
          <label for="source">{t("Git address or folder")}</label>
          <input {...field("source", source)} placeholder="github.com/ann/greeter" onInput={(event) => setSource(event.currentTarget.value)} />
          {wrong.source && <span class="wrong" role="alert">{wrong.source}</span>}
          <small id="source-about">{t("A folder is one on the node's machine, with its whole path. Behind an @ stands a branch, tag or commit.")}</small>
        </div>
        <div class="two">
          <div class="field">
            <label for="service-name">{t("Name")}<span class="hint"> · {t("optional")}</span></label>
            <input {...field("service-name", name)} aria-invalid={wrong.name ? "true" : undefined} onInput={(event) => setName(event.currentTarget.value)} />
            {wrong.name && <span class="wrong" role="alert">{wrong.name}</span>}
            <small id="service-name-about">{t("Else what it calls itself.")}</small>
          </div>
          <div class="field"><label class="row"><input type="checkbox" checked={network} onChange={(event) => setNetwork(event.currentTarget.checked)} /><span>{t("It may use the internet")}</span></label><small>{t("Else it is built and runs without any network.")}</small></div>
        </div>
        <div><button class={found ? "quiet" : ""} disabled={looking}>{looking ? t("Looking…") : t("Look at it")}</button></div>
      </form>
      {found && (
        <section class="card" aria-label={t("What it is")}>
          <div class="head"><b>{found.name}</b><span class="soft end">{found.language}</span></div>
          <div class="body">
            {found.description && <Said>{found.description}</Said>}
            <dl class="facts">
              <dt>{t("It starts with")}</dt><dd><code>{found.command.join(" ")}</code></dd>
              <dt>{t("Because")}</dt><dd>{found.why}</dd>
              {found.build.length > 0 && <><dt>{t("It is built with")}</dt><dd><code>{found.build.map((one) => [one].flat().join(" ")).join("; ")}</code></dd></>}
              {found.notes.length > 0 && <><dt>{t("To know")}</dt><dd class="warn">{found.notes.join(" ")}</dd></>}
            </dl>
            <div class="row">
              <button type="button" ref={next} class={service ? "quiet" : ""} disabled={steps.phase === "busy"} onClick={run}>{steps.phase === "busy" ? t("Under way…") : t("Build and run it here, unseen")}</button>
            </div>
            <Steps {...steps} />
            <Trouble fault={fault} again={run} />
          </div>
        </section>
      )}
      {service && <Preview service={service} />}
      <Works again={lookAgain} isShown={(work) => steps.phase === "idle" || work.number <= before.current} />
    </>
  );
}

/** The forms as others will see them, and what makes them see it. */
function Preview({ service }) {
  const [trouble, setTrouble] = useState("");
  const live = async () => {
    try {
      await control("network", "Network.Offer", { name: service.name, offered: true });
      notice(t("{name} is offered", { name: service.name }));
      go("mine", [service.name]);
    } catch (fault) {
      setTrouble(fault.code === 404 || fault.code === 503 ? t("This node has no network, so only this machine reaches the service; it runs all the same.") : fault.detail);
    }
  };
  return (
    <section class="stack" aria-label={t("What others will see")}>
      <h2>{t("What others will see")}</h2>
      <p class="soft mid">{t("These forms are real: try them.")}</p>
      <Said>{service.description}</Said>
      {service.endpoints.map((endpoint) => (
        <div class="card" key={endpoint.name}>
          <div class="head"><span class="mono">{endpoint.name}</span><span class="soft">{headAndRest(endpoint.description)[0]}</span></div>
          <div class="body"><Run service={{ ...service, where: "local" }} endpoint={endpoint} /></div>
        </div>
      ))}
      {trouble && <p class="warn" role="alert">{trouble}</p>}
      <div class="row">
        <button type="button" onClick={live}>{t("Go live")}</button>
        <a class="button quiet" href={to("mine", [service.name])}>{t("Keep it to myself")}</a>
      </div>
      <p class="hint">{t("Going live offers it to your network under its name. You can take it back at any time.")}</p>
    </section>
  );
}
