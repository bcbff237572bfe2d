// Starts the app: words first, then the page, then what can wait.
import { render } from "preact";
import { App } from "./app.jsx";
import { load } from "./catalog.js";
import { applyTheme } from "./theme.js";
import { enter } from "./session.js";
import { speak } from "./words.js";

applyTheme();
speak().catch(() => speak("en")).then(() => {
  render(<App />, document.getElementById("app"));
  enter().finally(load); // on another machine nobody is answered who is not signed in yet
});

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.addEventListener("controllerchange", load); // what was asked before it listened is kept by nobody
  addEventListener("load", () => navigator.serviceWorker.register("/assets/sw.js", { scope: "/" }).catch(() => {}));
}
