// The pages there are: where each is, what it is called, and how it is loaded.
import { lazy } from "./lazy.jsx";
import Conversation from "./pages/conversation.jsx";
import Service from "./pages/service.jsx";
import Services from "./pages/services.jsx";

export const PAGES = {
  conversation: { word: "Conversation", icon: "conversation", Page: Conversation },
  services: { word: "Services", icon: "services", Page: Services, Below: Service },
  publish: { word: "Publish", icon: "publish", Page: lazy(() => import("./pages/publish.jsx")) },
  mine: { word: "My services", icon: "mine", Page: lazy(() => import("./pages/mine.jsx")), Below: lazy(() => import("./pages/mine-one.jsx")) },
  activity: { word: "Activity", icon: "activity", Page: lazy(() => import("./pages/activity.jsx")) },
  network: { word: "Network", icon: "network", Page: lazy(() => import("./pages/network.jsx")) },
  events: { word: "Events", icon: "events", Page: lazy(() => import("./pages/events.jsx")) },
  settings: { word: "Settings", icon: "settings", Page: lazy(() => import("./pages/settings.jsx")) },
};

export const HOME = "conversation";
