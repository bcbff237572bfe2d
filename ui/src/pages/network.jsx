// The nodes this one knows: drawn, and said in a table; what this node uses of its machine; joining and leaving.
import { useEffect, useRef, useState } from "preact/hooks";
import { control } from "../node.js";
import { notice } from "../notice.jsx";
import { CopyButton, Heading, Nid, Offline, OwnersOnly, Prose, Skeleton, State, Sure, Trouble, useAsked } from "../parts.jsx";
import { to } from "../route.js";
import { bytes, duration, number, t } from "../words.js";

const LOOK_SECONDS = 3, SAMPLES_MAX = 120;

export default function Network() {
  return (
    <div class="column">
      <Heading>{t("Network")}</Heading>
      <Offline />
      <OwnersOnly><Shown /></OwnersOnly>
    </div>
  );
}

async function look() {
  const [status, stats] = await Promise.all([control("node", "Node.Status"), control("node", "Debug.Stats")]);
  try {
    return { status, stats, graph: await control("network", "Network.Graph") };
  } catch (fault) {
    if (fault.code === 0) throw fault;
    return { status, stats, graph: null }; // the node was started without a network
  }
}

function Shown() {
  const { value, fault, again } = useAsked(look, LOOK_SECONDS);
  if (fault && !value) return <Trouble fault={fault} again={again} />;
  if (!value) return <Skeleton lines={10} />;
  const { status, stats, graph } = value;
  return (
    <>
      {graph ? <Nodes graph={graph} self={status.nid} again={again} />
        : <State title={t("This node keeps to itself")}><p class="mid"><Prose>{t("It was started without a network. Start it without `--no-network` to reach others.")}</Prose></p></State>}
      <h2>{t("This node")}</h2>
      <Resources stats={stats} />
      <dl class="facts">
        <dt>{t("Node")}</dt><dd class="row"><Nid nid={status.nid} /><CopyButton text={status.nid} label={t("Copy the node's id")} /></dd>
        <dt>{t("Version")}</dt><dd>{status.version}</dd>
        <dt>{t("Up for")}</dt><dd>{duration(status.uptime_seconds)}</dd>
        <dt>{t("Services")}</dt><dd>{t("{here} here, {all} in reach", { here: number(status.services), all: number(status.services_in_reach) })}</dd>
        {status.backbone && <><dt>{t("Network")}</dt><dd><Nid nid={status.backbone.network} /> · {t(status.backbone.super_nodes === 1 ? "{count} super node" : "{count} super nodes", { count: status.backbone.super_nodes })}</dd></>}
        {status.isolation && <><dt>{t("Services are confined by")}</dt><dd>{status.isolation.sandbox || t("nothing")}</dd></>}
      </dl>
      {graph && <Joining status={status} again={again} />}
    </>
  );
}

const WORDS = { here: "here", linked: "linked", connecting: "connecting", away: "away" };
const stateWord = (state) => t(WORDS[state] ?? state);

const SHOWN_MAX = 24;

/** This node in the middle, the others around it in the order of their ids, so that nobody moves when another comes. */
function Nodes({ graph, self, again }) {
  const others = graph.nodes.filter((node) => node.nid !== self).sort((a, b) => (a.nid < b.nid ? -1 : 1));
  const own = graph.nodes.find((node) => node.nid === self);
  const isUp = (node) => graph.links.some((link) => link.to === node.nid);
  const services = graph.services.find((node) => node.nid === self)?.services ?? [];
  const said = t("This node and {count} others; the table below says the same", { count: others.length });
  return (
    <>
      <div class="card">
        <svg class="graph" viewBox="0 0 640 300" role="group" aria-label={said}>
          {others.length
            ? <Ring items={others.slice(0, SHOWN_MAX)} draw={(node, x, y) => (
                <g key={node.nid} class={isUp(node) ? "up" : ""}>
                  <circle cx={x} cy={y} r={8 + Math.min(8, Math.sqrt(node.services ?? 0))} />
                  <text x={x} y={y + 28}>{node.nid.slice(0, 4)}…{node.nid.slice(-3)}</text>
                </g>
              )} kind={(node) => `tie ${isUp(node) ? "" : "off"}`} />
            : <Ring items={services.slice(0, SHOWN_MAX)} draw={(name, x, y) => (
                <a key={name} class="leaf" href={to("services", [name])}><circle cx={x} cy={y} r="6" /><text x={x} y={y + 20}>{name.slice(0, 12)}</text></a>
              )} kind={() => "tie"} />}
          <g class="self"><circle cx="320" cy="142" r="14" /><text x="320" y="174">{t("this node")}</text></g>
        </svg>
      </div>
      {(others.length || services.length) > SHOWN_MAX && <p class="hint">{t("The drawing has {shown} of {all}.", { shown: SHOWN_MAX, all: number(others.length || services.length) })}</p>}
      {others.length === 0 && <p class="soft mid">{t("No other node is linked yet; these are the services of this one. Join a network with the ticket of one of its nodes, or give somebody the ticket of this one.")}</p>}
      <div class="scroll" tabIndex={0} role="region" aria-label={t("Nodes")}>
        <table>
          <thead><tr><th scope="col">{t("Node")}</th><th scope="col">{t("State")}</th><th scope="col">{t("Over")}</th><th scope="col" class="number">{t("Services")}</th><th scope="col"><span class="unseen">{t("Actions")}</span></th></tr></thead>
          <tbody>
            {[own, ...others].filter(Boolean).map((node) => (
              <tr key={node.nid}>
                <th scope="row"><Nid nid={node.nid} self={node.nid === self} /></th>
                <td style={{ whiteSpace: "nowrap" }}><span class={`dot ${node.nid === self || isUp(node) ? "good" : ""}`} />{stateWord(node.state)}</td>
                <td>{node.over || "–"}</td>
                <td class="number">{number(node.services ?? 0)}</td>
                <td>{node.nid !== self && <Far nid={node.nid} again={again} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Ring({ items, draw, kind }) {
  const place = (index) => {
    const angle = (index / items.length) * 2 * Math.PI - Math.PI / 2;
    return [320 + Math.cos(angle) * 260, 142 + Math.sin(angle) * 116];
  };
  return (
    <>
      {items.map((item, index) => <path key={item.nid ?? item} class={kind(item)} d={`M320 142L${place(index).map((at) => at.toFixed(1)).join(" ")}`} />)}
      {items.map((item, index) => draw(item, ...place(index)))}
    </>
  );
}

function Far({ nid, again }) {
  const [told, setTold] = useState("");
  const ping = async () => {
    setTold("…");
    try {
      const { seconds } = await control("network", "Network.Measure", { nid, count: 3 });
      setTold(duration(Math.min(...seconds)));
    } catch (fault) {
      setTold("");
      notice(fault.detail);
    }
    again();
  };
  return <button type="button" class="quiet little" onClick={ping}>{told || t("Ping")}</button>;
}

/** What the node uses, as far back as this page has looked. */
function Resources({ stats }) {
  const samples = useRef([]);
  const last = samples.current.at(-1);
  if (!last || last.cpu_seconds !== stats.cpu_seconds || last.uptime_seconds !== stats.uptime_seconds) {
    const passed = last ? stats.uptime_seconds - last.uptime_seconds : 0;
    const load = passed > 0 ? Math.max(0, (stats.cpu_seconds - last.cpu_seconds) / passed) : 0;
    samples.current = [...samples.current, { ...stats, load }].slice(-SAMPLES_MAX);
  }
  const loads = samples.current.slice(1).map((one) => one.load * 100);
  const sinceStart = (100 * stats.cpu_seconds) / Math.max(1, stats.uptime_seconds); // until it was looked at twice
  const memory = samples.current.map((one) => one.memory_bytes);
  return (
    <div class="two">
      <Plot name={t("Processor")} values={loads} said={`${(loads.at(-1) ?? sinceStart).toFixed(1)} %`} most={Math.max(10, ...loads)} />
      <Plot name={t("Memory")} values={memory} said={bytes(memory.at(-1))} most={Math.max(...memory) * 1.2} />
    </div>
  );
}

function Plot({ name, values, said, most }) {
  const x = (index) => 100 - (values.length - 1 - index) * (100 / SAMPLES_MAX);
  const points = values.map((value, index) => `${x(index).toFixed(2)},${(40 - (value / most) * 38).toFixed(2)}`);
  return (
    <div class="card">
      <div class="head" style={{ borderBottom: 0 }}><span>{name}</span><b class="end">{said}</b></div>
      <svg class="plot" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label={t("{name}, now {value}", { name, value: said })}>
        {points.length > 1 && <polyline class="area" points={`${x(0)},40 ${points.join(" ")} 100,40`} style={{ fill: "var(--accent-ground)", stroke: "none" }} />}
        {points.length > 1 && <polyline points={points.join(" ")} />}
      </svg>
    </div>
  );
}

function Joining({ status, again }) {
  const [ticket, setTicket] = useState("");
  const [own, setOwn] = useState("");
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => void control("network", "Network.Ticket").then((found) => setOwn(found.ticket), () => {}), []);
  const act = async (endpoint, request, done) => {
    setBusy(true);
    setTrouble("");
    try {
      await control("network", endpoint, request);
      setTicket("");
      notice(done);
    } catch (fault) {
      setTrouble(fault.detail);
    }
    setBusy(false);
    again();
  };
  return (
    <>
      <h2>{t("Other nodes")}</h2>
      {own && <div class="tight"><p class="mid soft">{t("Give this ticket to somebody whose node shall reach yours:")}</p><div class="row"><code class="grow">{own.length > 60 ? `${own.slice(0, 36)}…${own.slice(-12)}` : own}</code><CopyButton text={own} label={t("Copy the ticket")} /></div></div>}
      <form class="tight" onSubmit={(event) => { event.preventDefault(); ticket.trim() ? act("Network.Join", { ticket }, t("Joined")) : setTrouble(t("This is needed.")); }}>
        <div class="field">
          <label for="ticket">{t("Ticket of another node")}</label>
          <input id="ticket" value={ticket} onInput={(event) => setTicket(event.currentTarget.value)} placeholder="micro1…" autocomplete="off" aria-invalid={trouble ? "true" : undefined} aria-describedby={trouble ? "ticket-wrong" : undefined} />
          {trouble && <span class="wrong" id="ticket-wrong" role="alert">{trouble}</span>}
        </div>
        <div class="row">
          <button disabled={busy}>{t("Join its network")}</button>
          <button type="button" class="quiet" disabled={busy || !ticket.trim()} onClick={() => act("Network.Connect", { ticket }, t("Linked"))}>{t("Only link with this node")}</button>
          {status.backbone && <span class="end"><Sure label={t("Leave the network")} question={t("Take back what this node offers there?")} act={() => act("Network.Leave", {}, t("Left"))} /></span>}
        </div>
      </form>
      <p class="hint">{t("From a terminal:")} <code>micro network ticket</code></p>
    </>
  );
}
