// A component that is loaded when it is first shown; its place is kept meanwhile.
import { useEffect, useState } from "preact/hooks";
import { Skeleton, State } from "./parts.jsx";
import { t } from "./words.js";

/** `Waiting` is shown meanwhile. */
export function lazy(load, Waiting = () => <Skeleton lines={4} />) {
  let loaded = null;
  return function Lazy(props) {
    const [Component, setComponent] = useState(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (Component) return;
      load().then((found) => setComponent(() => (loaded = found.default)), () => setFailed(true));
    }, []);
    if (failed) {
      return <State title={t("This page could not be loaded")}><button class="quiet" onClick={() => location.reload()}>{t("Load the app again")}</button></State>;
    }
    return Component ? <Component {...props} /> : <Waiting />;
  };
}
