package main

import (
	"math"
	"strings"
)

// letters are those of a geohash, in the order of their values: https://en.wikipedia.org/wiki/Geohash.
const (
	letters         = "0123456789bcdefghjkmnpqrstuvwxyz"
	lettersMax      = 12
	bitsLetter      = 5
	latitudeSpan    = 180.0
	longitudeSpan   = 360.0
	precisionUsual  = 9
	hashLettersFrom = 1
)

// box is the cell of a geohash, in degrees.
type box struct {
	South float64 `json:"south"`
	West  float64 `json:"west"`
	North float64 `json:"north"`
	East  float64 `json:"east"`
}

func (of box) middle() point { return point{(of.South + of.North) / 2, (of.West + of.East) / 2} }

// hashOf returns the geohash of a point with so many letters: halves of longitude and latitude by turns.
func hashOf(at point, count int) string {
	cell := box{-90, -180, 90, 180}
	var hash strings.Builder
	for east := true; hash.Len() < count; {
		value := 0
		for bit := 0; bit < bitsLetter; bit++ {
			value <<= 1
			middle := cell.middle()
			switch {
			case east && at.Longitude >= middle.Longitude:
				cell.West, value = middle.Longitude, value|1
			case east:
				cell.East = middle.Longitude
			case at.Latitude >= middle.Latitude:
				cell.South, value = middle.Latitude, value|1
			default:
				cell.North = middle.Latitude
			}
			east = !east
		}
		hash.WriteByte(letters[value])
	}
	return hash.String()
}

// boxOf returns the cell of a geohash.
func boxOf(hash string) (box, error) {
	if len(hash) < hashLettersFrom || len(hash) > lettersMax {
		return box{}, bad("geohash: expected 1 to %d letters, and there are %d", lettersMax, len(hash))
	}
	cell, east := box{-90, -180, 90, 180}, true
	for index, letter := range strings.ToLower(hash) {
		value := strings.IndexRune(letters, letter)
		if value < 0 {
			return box{}, bad("geohash: %q at place %d is no letter of a geohash (it has no a, i, l and o)", letter, index+1)
		}
		for bit := bitsLetter - 1; bit >= 0; bit-- {
			middle, upper := cell.middle(), value>>bit&1 == 1
			switch {
			case east && upper:
				cell.West = middle.Longitude
			case east:
				cell.East = middle.Longitude
			case upper:
				cell.South = middle.Latitude
			default:
				cell.North = middle.Latitude
			}
			east = !east
		}
	}
	return cell, nil
}

// around returns the geohashes of the cells beside one, clockwise from the north; beyond a pole there is none.
func around(hash string, cell box) []string {
	middle := cell.middle()
	height, width := cell.North-cell.South, cell.East-cell.West
	found := []string{}
	for _, step := range [][2]float64{{1, 0}, {1, 1}, {0, 1}, {-1, 1}, {-1, 0}, {-1, -1}, {0, -1}, {1, -1}} {
		latitude := middle.Latitude + step[0]*height
		if math.Abs(latitude) > latitudeSpan/2 {
			continue
		}
		next := hashOf(point{latitude, wrapped(middle.Longitude + step[1]*width)}, len(hash))
		found = append(found, next)
	}
	return found
}
