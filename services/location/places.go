package main

import (
	_ "embed"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	placeBytesMax = 200
	suggestedMax  = 3
)

//go:embed cities.tsv
var table string

type point struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

type city struct {
	Name    string `json:"name"`
	Country string `json:"country"`
	point
	folded string
}

var cities = readCities(table)

func readCities(table string) []city {
	found := []city{}
	for _, line := range strings.Split(table, "\n") {
		columns := strings.Split(line, "\t")
		if len(columns) != 4 {
			continue
		}
		latitude, _ := strconv.ParseFloat(columns[2], 64)
		longitude, _ := strconv.ParseFloat(columns[3], 64)
		found = append(found, city{columns[0], columns[1], point{latitude, longitude}, folded(columns[0])})
	}
	return found
}

// plain are letters with marks and what they are without.
var plain = strings.NewReplacer(
	"á", "a", "à", "a", "â", "a", "ä", "a", "ã", "a", "å", "a", "ā", "a", "æ", "ae", "ç", "c", "č", "c", "ć", "c",
	"é", "e", "è", "e", "ê", "e", "ë", "e", "ě", "e", "ę", "e", "í", "i", "î", "i", "ï", "i", "ı", "i", "ł", "l",
	"ñ", "n", "ń", "n", "ó", "o", "ô", "o", "ö", "o", "õ", "o", "ø", "o", "ř", "r", "š", "s", "ś", "s", "ş", "s",
	"ß", "ss", "ú", "u", "ü", "u", "û", "u", "ů", "u", "ý", "y", "ž", "z", "ź", "z", "ż", "z", "ğ", "g",
)

// folded returns a name as it is compared: small letters without marks, words apart by one blank.
func folded(name string) string {
	words := strings.FieldsFunc(plain.Replace(strings.ToLower(name)), func(letter rune) bool {
		return !unicode.IsLetter(letter) && !unicode.IsDigit(letter)
	})
	return strings.Join(words, " ")
}

// placed is what a text stands for, and the city that it names, if it does.
type placed struct {
	Name    string `json:"name,omitempty"`
	Country string `json:"country,omitempty"`
	point
}

// placeOf reads a place: "48.86,2.35", a city's name, also with its country ("Paris, FR"), or "geohash:u09tv".
func placeOf(field, said string) (placed, error) {
	said = strings.TrimSpace(said)
	if said == "" || len(said) > placeBytesMax || !utf8.ValidString(said) {
		return placed{}, bad("%s: expected latitude and longitude such as 48.86,2.35, or a city, or geohash:u09tv", field)
	}
	if hash, is := strings.CutPrefix(said, "geohash:"); is {
		cell, err := boxOf(hash)
		return placed{point: cell.middle()}, err
	}
	if one, other, two := strings.Cut(said, ","); two {
		latitude, wrongLatitude := strconv.ParseFloat(strings.TrimSpace(one), 64)
		longitude, wrongLongitude := strconv.ParseFloat(strings.TrimSpace(other), 64)
		if wrongLatitude == nil && wrongLongitude == nil {
			return pointOf(field, latitude, longitude)
		}
		if wrongLatitude == nil || wrongLongitude == nil {
			return placed{}, bad("%s: %q is no latitude and longitude in degrees such as 48.86,2.35", field, said)
		}
	}
	return cityOf(field, said)
}

func pointOf(field string, latitude, longitude float64) (placed, error) {
	if !(math.Abs(latitude) <= latitudeSpan/2) {
		return placed{}, bad("%s: a latitude is from -90 to 90 degrees, and it is %v", field, latitude)
	}
	if !(math.Abs(longitude) <= longitudeSpan) {
		return placed{}, bad("%s: a longitude is from -180 to 180 degrees, and it is %v", field, longitude)
	}
	if math.Abs(longitude) > longitudeSpan/2 {
		longitude = wrapped(longitude)
	}
	return placed{point: point{latitude, longitude}}, nil
}

func cityOf(field, said string) (placed, error) {
	name, country, _ := strings.Cut(said, ",")
	country = strings.ToUpper(strings.TrimSpace(country))
	for _, one := range cities {
		if one.folded == folded(name) && (country == "" || country == one.Country) {
			return placed{one.Name, one.Country, one.point}, nil
		}
	}
	near := []string{}
	for _, one := range matching(name, "") {
		if len(near) < suggestedMax {
			near = append(near, one.Name+", "+one.Country)
		}
	}
	hint := "Location.Find lists the cities known here; any place can be given as latitude,longitude"
	if len(near) > 0 {
		hint = "near it are " + strings.Join(near, "; ")
	}
	return placed{}, &Fault{Code: 404, Detail: field + ": no city " + strconv.Quote(said) + " is in the table: " + hint}
}

// matching returns the cities whose names have this in them: first those that begin with it, and in the table's order, the best known first.
func matching(name, country string) []city {
	wanted, found := folded(name), []city{}
	for _, one := range cities {
		if (wanted == "" || strings.Contains(" "+one.folded, " "+wanted)) && (country == "" || country == one.Country) {
			found = append(found, one)
		}
	}
	sort.SliceStable(found, func(one, other int) bool {
		return strings.HasPrefix(found[one].folded, wanted) && !strings.HasPrefix(found[other].folded, wanted)
	})
	return found
}
