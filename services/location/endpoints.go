package main

import (
	"math"
	"sort"
	"strings"
)

const (
	foundUsual         = 5
	foundMax           = 100
	kilometresMax      = 20_037.0
	kilometresDigits   = 1e3
	coordinateDigits   = 1e6
	bearingDigits      = 1e2
	countryLetters     = 2
	kilometresNoBounds = 0.0
)

func rounded(value, digits float64) float64 { return math.Round(value*digits) / digits }

func (of point) rounded() point {
	return point{rounded(of.Latitude, coordinateDigits), rounded(of.Longitude, coordinateDigits)}
}

func limited(given *int) (int, error) {
	if given == nil {
		return foundUsual, nil
	}
	if *given < 1 || *given > foundMax {
		return 0, bad("limit: expected 1 to %d, and it is %d", foundMax, *given)
	}
	return *given, nil
}

func distance(body []byte) (any, error) {
	var asked struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	from, err := placeOf("from", asked.From)
	if err != nil {
		return nil, err
	}
	to, err := placeOf("to", asked.To)
	if err != nil {
		return nil, err
	}
	metres, first, last, onSphere := inverse(from.point, to.point)
	return map[string]any{
		"kilometres":     rounded(metres/metresKilometre, kilometresDigits),
		"miles":          rounded(metres/metresMile, kilometresDigits),
		"nautical_miles": rounded(metres/metresNautical, kilometresDigits),
		"bearing":        turned(rounded(first, bearingDigits)),
		"final_bearing":  turned(rounded(last, bearingDigits)),
		"compass":        compass(first),
		"from":           from,
		"to":             to,
		"method":         map[bool]string{false: "ellipsoid", true: "sphere"}[onSphere],
	}, nil
}

func destination(body []byte) (any, error) {
	var asked struct {
		From       string   `json:"from"`
		Bearing    *float64 `json:"bearing"`
		Kilometres *float64 `json:"kilometres"`
	}
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	from, err := placeOf("from", asked.From)
	if err != nil {
		return nil, err
	}
	if asked.Bearing == nil || math.Abs(*asked.Bearing) > longitudeSpan {
		return nil, bad("bearing: expected degrees from -360 to 360, clockwise from north")
	}
	if asked.Kilometres == nil || *asked.Kilometres < 0 || *asked.Kilometres > kilometresMax {
		return nil, bad("kilometres: expected 0 to %v, half the way around the earth", kilometresMax)
	}
	found := direct(from.point, turned(*asked.Bearing), *asked.Kilometres*metresKilometre).rounded()
	return map[string]any{"latitude": found.Latitude, "longitude": found.Longitude, "from": from}, nil
}

func nearest(body []byte) (any, error) {
	var asked struct {
		Place      string  `json:"place"`
		Limit      *int    `json:"limit"`
		Kilometres float64 `json:"kilometres"`
	}
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	place, err := placeOf("place", asked.Place)
	if err != nil {
		return nil, err
	}
	limit, err := limited(asked.Limit)
	if err != nil {
		return nil, err
	}
	if asked.Kilometres < 0 || asked.Kilometres > kilometresMax {
		return nil, bad("kilometres: expected 0, for no bound, to %v", kilometresMax)
	}
	type near struct {
		city
		Kilometres float64 `json:"kilometres"`
		Bearing    float64 `json:"bearing"`
		Compass    string  `json:"compass"`
	}
	found := []near{}
	for _, one := range cities {
		metres, bearing := spherical(place.point, one.point)
		kilometres := metres / metresKilometre
		if asked.Kilometres == kilometresNoBounds || kilometres <= asked.Kilometres {
			found = append(found, near{one, kilometres, bearing, ""})
		}
	}
	sort.SliceStable(found, func(one, other int) bool { return found[one].Kilometres < found[other].Kilometres })
	found = found[:min(limit, len(found))]
	for index := range found { // exactly for those that are shown, which are as near by either measure
		metres, bearing, _, _ := inverse(place.point, found[index].point)
		found[index].Kilometres = rounded(metres/metresKilometre, kilometresDigits)
		found[index].Bearing = turned(rounded(bearing, bearingDigits))
		found[index].Compass = compass(bearing)
	}
	return map[string]any{"place": place, "cities": found}, nil
}

func find(body []byte) (any, error) {
	var asked struct {
		Name    string `json:"name"`
		Country string `json:"country"`
		Limit   *int   `json:"limit"`
	}
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	limit, err := limited(asked.Limit)
	if err != nil {
		return nil, err
	}
	if len(asked.Name) > placeBytesMax {
		return nil, bad("name: at most %d bytes", placeBytesMax)
	}
	country := strings.ToUpper(strings.TrimSpace(asked.Country))
	if country != "" && len(country) != countryLetters {
		return nil, bad("country: expected two letters such as FR, and it is %d", len(country))
	}
	found := matching(asked.Name, country)
	return map[string]any{"cities": found[:min(limit, len(found))], "count": len(found)}, nil
}

func encodeHash(body []byte) (any, error) {
	var asked struct {
		Place     string `json:"place"`
		Precision *int   `json:"precision"`
	}
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	place, err := placeOf("place", asked.Place)
	if err != nil {
		return nil, err
	}
	count := precisionUsual
	if asked.Precision != nil {
		count = *asked.Precision
	}
	if count < 1 || count > lettersMax {
		return nil, bad("precision: expected 1 to %d letters, and it is %d", lettersMax, count)
	}
	return cellOf(hashOf(place.point, count))
}

func locate(body []byte) (any, error) {
	var asked struct {
		Geohash string `json:"geohash"`
	}
	if err := read(body, &asked); err != nil {
		return nil, err
	}
	return cellOf(strings.ToLower(strings.TrimSpace(asked.Geohash)))
}

func cellOf(hash string) (any, error) {
	cell, err := boxOf(hash)
	if err != nil {
		return nil, err
	}
	middle := cell.middle()
	height, _ := spherical(point{cell.South, middle.Longitude}, point{cell.North, middle.Longitude})
	width, _ := spherical(point{middle.Latitude, cell.West}, point{middle.Latitude, cell.East})
	if cell.East-cell.West > longitudeSpan/2 { // the shortest way would be the other one
		width = 2 * math.Pi * meanRadius * math.Cos(radians(middle.Latitude)) * (cell.East - cell.West) / longitudeSpan
	}
	return map[string]any{
		"geohash": hash, "latitude": middle.Latitude, "longitude": middle.Longitude, "box": cell,
		"height_metres": rounded(height, kilometresDigits), "width_metres": rounded(width, kilometresDigits),
		"around": around(hash, cell),
	}, nil
}
