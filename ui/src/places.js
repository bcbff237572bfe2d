// Places on the earth within an answer, so that a map can show them.
const LATITUDES = ["lat", "latitude"];
const LONGITUDES = ["lon", "lng", "long", "longitude"];
const PLACES_MAX = 1000;

const numberOf = (value, names) => {
  for (const name of names) {
    const found = value[name];
    if (typeof found === "number" && Number.isFinite(found)) return found;
  }
  return undefined;
};

const isPlace = ([longitude, latitude]) =>
  typeof longitude === "number" && typeof latitude === "number" && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;

function ofGeometry(geometry, name, found) {
  if (geometry?.type === "GeometryCollection") return geometry.geometries?.forEach((one) => ofGeometry(one, name, found));
  const walk = (at) => {
    if (!Array.isArray(at) || found.length >= PLACES_MAX) return;
    if (typeof at[0] === "number") {
      if (isPlace(at)) found.push({ longitude: at[0], latitude: at[1], name });
    } else at.forEach(walk);
  };
  walk(geometry?.coordinates);
}

/** Says whether a value is GeoJSON, of which a map says all that a person reads. */
export const isGeometry = (value) => Array.isArray(value?.features) || value?.type === "Feature" || (typeof value?.type === "string" && (Array.isArray(value.coordinates) || Array.isArray(value.geometries)));

/** Returns `{latitude, longitude, name}` for each place in a value, none where it is about something else. */
export function placesIn(value, found = [], depth = 0) {
  if (depth > 6 || found.length >= PLACES_MAX || value === null || typeof value !== "object") return found;
  if (Array.isArray(value)) {
    for (const one of value.slice(0, PLACES_MAX)) placesIn(one, found, depth + 1);
    return found;
  }
  if (value.type === "Feature") ofGeometry(value.geometry, String(value.properties?.name ?? ""), found);
  else if (Array.isArray(value.coordinates)) ofGeometry(value, "", found);
  else {
    const latitude = numberOf(value, LATITUDES), longitude = numberOf(value, LONGITUDES);
    if (latitude !== undefined && longitude !== undefined && isPlace([longitude, latitude])) {
      found.push({ latitude, longitude, name: String(value.name ?? value.title ?? value.city ?? "") });
    } else for (const one of Object.values(value)) placesIn(one, found, depth + 1);
  }
  return found;
}
