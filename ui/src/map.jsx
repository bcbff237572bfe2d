// A map without anybody's tiles: a net of degrees, and the places on it.
import { t } from "./words.js";

const WIDTH = 640, HEIGHT = 320;
const STEPS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

export default function Map({ places }) {
  const view = around(places);
  const x = (longitude) => ((longitude - view.west) / (view.east - view.west)) * WIDTH;
  const y = (latitude) => ((view.north - latitude) / (view.north - view.south)) * HEIGHT;
  const step = STEPS.find((one) => (view.east - view.west) / one <= 10) ?? 30;
  const lines = (low, high) => {
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(Math.round(at * 1000) / 1000);
    return found;
  };
  return (
    <div class="tight">
      <svg class="map" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={t("Map of {count} places", { count: places.length })}>
        {lines(view.west, view.east).map((at) => <g key={`x${at}`}><path class="net" d={`M${x(at)} 0V${HEIGHT}`} /><text x={x(at) + 3} y={HEIGHT - 5} fill="currentColor" font-size="10">{at}°</text></g>)}
        {lines(view.south, view.north).map((at) => <g key={`y${at}`}><path class="net" d={`M0 ${y(at)}H${WIDTH}`} /><text x="4" y={y(at) - 3} fill="currentColor" font-size="10">{at}°</text></g>)}
        {places.map((place, index) => <circle class="place" key={index} cx={x(place.longitude)} cy={y(place.latitude)} r="6"><title>{place.name || `${place.latitude}, ${place.longitude}`}</title></circle>)}
        {places.length <= 20 && places.map((place, index) => <text key={`t${index}`} x={x(place.longitude) + 9} y={y(place.latitude) + 4} fill="currentColor" font-size="12">{place.name.slice(0, 40)}</text>)}
      </svg>
      <p class="hint">{places.slice(0, 3).map((place) => `${place.name || t("Place")}: ${place.latitude.toFixed(4)}°, ${place.longitude.toFixed(4)}°`).join(" · ")}{places.length > 3 ? " …" : ""}</p>
    </div>
  );
}

function around(places) {
  const latitudes = places.map((place) => place.latitude), longitudes = places.map((place) => place.longitude);
  const middle = [(Math.min(...longitudes) + Math.max(...longitudes)) / 2, (Math.min(...latitudes) + Math.max(...latitudes)) / 2];
  const wide = Math.max((Math.max(...longitudes) - Math.min(...longitudes)) * 1.4, (Math.max(...latitudes) - Math.min(...latitudes)) * 2.8, 0.1);
  return { west: middle[0] - wide / 2, east: middle[0] + wide / 2, south: middle[1] - wide / 4, north: middle[1] + wide / 4 };
}
