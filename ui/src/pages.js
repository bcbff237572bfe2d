// The pages there are: where each is, what it is called, and how it is loaded.
import { lazy } from "./lazy.jsx";
import Service from "./pages/service.jsx";
import Services from "./pages/services.jsx";

export const PAGES = {
  services: { word: "Services", icon: "services", Page: Services, Below: Service },
  network: { word: "Network", icon: "network", Page: lazy(() => import("./pages/network.jsx")) },
  events: { word: "Events", icon: "events", Page: lazy(() => import("./pages/events.jsx")) },
  settings: { word: "Settings", icon: "settings", Page: lazy(() => import("./pages/settings.jsx")) },
};

export const HOME = "services";
