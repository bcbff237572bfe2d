package main

import "math"

// The ellipsoid WGS 84, in metres, and the mean radius of IUGG.
const (
	equatorRadius   = 6_378_137.0
	flattening      = 1 / 298.257223563
	polarRadius     = equatorRadius * (1 - flattening)
	meanRadius      = 6_371_008.8
	iterationsMax   = 200
	converged       = 1e-12
	metresMile      = 1_609.344
	metresNautical  = 1_852.0
	metresKilometre = 1_000.0
)

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }
func degrees(radians float64) float64 { return radians * 180 / math.Pi }

// turned returns an angle as one from 0 to 360 degrees.
func turned(angle float64) float64 {
	found := math.Mod(angle, 360)
	if found < 0 {
		found += 360
	}
	return found
}

// wrapped returns a longitude as one from -180 to 180 degrees.
func wrapped(longitude float64) float64 { return turned(longitude+180) - 180 }

// inverse returns the length of the shortest way in metres, and the bearings at its two ends in degrees: Vincenty's
// inverse formula (Survey Review 23/176, 1975). Nearly opposite points, where it has no end, are measured on a sphere.
func inverse(from, to point) (metres, first, last float64, onSphere bool) {
	reducedFrom := math.Atan((1 - flattening) * math.Tan(radians(from.Latitude)))
	reducedTo := math.Atan((1 - flattening) * math.Tan(radians(to.Latitude)))
	sinU1, cosU1 := math.Sincos(reducedFrom)
	sinU2, cosU2 := math.Sincos(reducedTo)
	difference := radians(wrapped(to.Longitude - from.Longitude))
	lambda := difference
	for count := 0; count < iterationsMax; count++ {
		sinLambda, cosLambda := math.Sincos(lambda)
		east, north := cosU2*sinLambda, cosU1*sinU2-sinU1*cosU2*cosLambda
		sinSigma, cosSigma := math.Hypot(east, north), sinU1*sinU2+cosU1*cosU2*cosLambda
		if sinSigma == 0 {
			if cosSigma > 0 {
				return 0, 0, 0, false
			}
			break // opposite points
		}
		sigma := math.Atan2(sinSigma, cosSigma)
		sinAlpha := cosU1 * cosU2 * sinLambda / sinSigma
		cosSquared := 1 - sinAlpha*sinAlpha
		middle := 0.0
		if cosSquared > 1e-15 { // else the way is along the equator
			middle = cosSigma - 2*sinU1*sinU2/cosSquared
		}
		c := flattening / 16 * cosSquared * (4 + flattening*(4-3*cosSquared))
		before := lambda
		lambda = difference + (1-c)*flattening*sinAlpha*
			(sigma+c*sinSigma*(middle+c*cosSigma*(2*middle*middle-1)))
		if math.Abs(lambda) > math.Pi {
			break
		}
		if math.Abs(lambda-before) < converged {
			squared := cosSquared * (equatorRadius*equatorRadius/(polarRadius*polarRadius) - 1)
			a := 1 + squared/16384*(4096+squared*(-768+squared*(320-175*squared)))
			b := squared / 1024 * (256 + squared*(-128+squared*(74-47*squared)))
			correction := b * sinSigma * (middle + b/4*(cosSigma*(2*middle*middle-1)-
				b/6*middle*(4*sinSigma*sinSigma-3)*(4*middle*middle-3)))
			sinLambda, cosLambda = math.Sincos(lambda)
			first = degrees(math.Atan2(cosU2*sinLambda, cosU1*sinU2-sinU1*cosU2*cosLambda))
			last = degrees(math.Atan2(cosU1*sinLambda, cosU1*sinU2*cosLambda-sinU1*cosU2))
			return polarRadius * a * (sigma - correction), turned(first), turned(last), false
		}
	}
	metres, first = spherical(from, to)
	_, back := spherical(to, from)
	return metres, first, turned(back + 180), true
}

// spherical returns the length of the shortest way in metres and the bearing at its beginning, on a sphere.
func spherical(from, to point) (metres, bearing float64) {
	sin1, cos1 := math.Sincos(radians(from.Latitude))
	sin2, cos2 := math.Sincos(radians(to.Latitude))
	sinDifference, cosDifference := math.Sincos(radians(to.Longitude - from.Longitude))
	east, north := cos2*sinDifference, cos1*sin2-sin1*cos2*cosDifference
	angle := math.Atan2(math.Hypot(east, north), sin1*sin2+cos1*cos2*cosDifference)
	return angle * meanRadius, turned(degrees(math.Atan2(east, north)))
}

// direct returns where one comes who goes so many metres in a direction: Vincenty's direct formula.
func direct(from point, bearing, metres float64) point {
	sinFirst, cosFirst := math.Sincos(radians(bearing))
	tanU := (1 - flattening) * math.Tan(radians(from.Latitude))
	cosU := 1 / math.Sqrt(1+tanU*tanU)
	sinU := tanU * cosU
	start := math.Atan2(tanU, cosFirst)
	sinAlpha := cosU * sinFirst
	cosSquared := 1 - sinAlpha*sinAlpha
	squared := cosSquared * (equatorRadius*equatorRadius/(polarRadius*polarRadius) - 1)
	a := 1 + squared/16384*(4096+squared*(-768+squared*(320-175*squared)))
	b := squared / 1024 * (256 + squared*(-128+squared*(74-47*squared)))
	sigma := metres / (polarRadius * a)
	var sinSigma, cosSigma, middle float64
	for count := 0; count < iterationsMax; count++ {
		middle = math.Cos(2*start + sigma)
		sinSigma, cosSigma = math.Sincos(sigma)
		correction := b * sinSigma * (middle + b/4*(cosSigma*(2*middle*middle-1)-
			b/6*middle*(4*sinSigma*sinSigma-3)*(4*middle*middle-3)))
		before := sigma
		if sigma = metres/(polarRadius*a) + correction; math.Abs(sigma-before) < converged {
			break
		}
	}
	sinSigma, cosSigma = math.Sincos(sigma)
	middle = math.Cos(2*start + sigma)
	aside := sinU*sinSigma - cosU*cosSigma*cosFirst
	latitude := math.Atan2(sinU*cosSigma+cosU*sinSigma*cosFirst, (1-flattening)*math.Hypot(sinAlpha, aside))
	lambda := math.Atan2(sinSigma*sinFirst, cosU*cosSigma-sinU*sinSigma*cosFirst)
	c := flattening / 16 * cosSquared * (4 + flattening*(4-3*cosSquared))
	difference := lambda - (1-c)*flattening*sinAlpha*(sigma+c*sinSigma*(middle+c*cosSigma*(2*middle*middle-1)))
	return point{degrees(latitude), wrapped(from.Longitude + degrees(difference))}
}

var points = [...]string{
	"N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW",
}

// compass returns the name of the nearest of sixteen points of the compass.
func compass(bearing float64) string {
	return points[int(math.Round(bearing/22.5))%len(points)]
}
