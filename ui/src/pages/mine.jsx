// The services that this node runs.
import { control } from "../node.js";
import { Heading, Offline, OwnersOnly, Prose, Skeleton, State, Trouble, useAsked, When } from "../parts.jsx";
import { to } from "../route.js";
import { t } from "../words.js";

const LOOK_SECONDS = 4;

export default function Mine() {
  return (
    <div class="column">
      <Heading aside={<a class="button" href={to("publish")}>{t("Publish")}</a>}>{t("My services")}</Heading>
      <Offline />
      <OwnersOnly><Shown /></OwnersOnly>
    </div>
  );
}

const STATES = { starting: { word: "starting" }, running: { word: "running" }, waiting: { word: "waiting" }, stopping: { word: "stopping" } };

export const StateOf = ({ state }) => (
  <span style={{ whiteSpace: "nowrap" }}><span class={`dot ${{ running: "good", waiting: "bad" }[state] ?? "warn"}`} />{t(STATES[state]?.word ?? state)}</span>
);

const remarksOf = (service) => [service.reason, service.waits, service.trouble].filter(Boolean);
const hasRemarks = (service) => remarksOf(service).length > 0;

/** Why a service is not what its source is now: it waits for its next start, or a newer revision for a trial, or that one failed. */
export const Remarks = ({ service }) => remarksOf(service).map((remark) => <div class="hint" key={remark}><Prose>{remark}</Prose></div>);

function Shown() {
  const { value, fault, again } = useAsked(async () => (await control("runtime", "Runtime.Status")).services, LOOK_SECONDS);
  if (fault && !value) return <Trouble fault={fault} again={again} />;
  if (!value) return <Skeleton lines={6} />;
  if (!value.length) {
    return <State title={t("You run no service yet")}><p class="mid">{t("Any git repository or folder can become one.")}</p><a class="button" href={to("publish")}>{t("Publish a service")}</a></State>;
  }
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("My services")}>
      <table>
        <thead><tr><th scope="col">{t("Service")}</th><th scope="col">{t("State")}</th><th scope="col" class="number">{t("Generation")}</th><th scope="col">{t("Since")}</th><th scope="col" class="number">{t("Restarts")}</th></tr></thead>
        <tbody>
          {value.map((one) => (
            <>
            <tr key={one.name} class={hasRemarks(one) ? "remarked" : ""}>
              <th scope="row"><a href={to("mine", [one.name])}>{one.name}</a></th>
              <td><StateOf state={one.state} /></td>
              <td class="number">{one.generation}</td>
              <td><When seconds={one.started} /></td>
              <td class={`number ${one.restarts ? "warn" : ""}`}>{one.restarts}</td>
            </tr>
            {hasRemarks(one) && <tr key={`${one.name} remarks`}><td colSpan={5}><div class="aside"><Remarks service={one} /></div></td></tr>}
            </>
          ))}
        </tbody>
      </table>
    </div>
  );
}
