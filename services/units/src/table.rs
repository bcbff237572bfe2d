//! The units: each by its factor to the base of its quantity. Where a unit is defined by a number, that number stands here.

use std::f64::consts::PI;

/// How a unit relates to the base of its quantity.
#[derive(Clone, Copy, PartialEq)]
pub enum Scale {
    /// The base is the value times this.
    By(f64),
    /// The base is the value plus the first, times the second.
    Shifted(f64, f64),
    /// The base is this divided by the value: more of it is less of the quantity.
    Inverse(f64),
}

pub struct Unit {
    pub quantity: &'static str,
    pub name: &'static str,
    /// What is written after a number; the first is the usual one.
    pub symbols: &'static [&'static str],
    /// Plurals and other spellings.
    pub names: &'static [&'static str],
    pub scale: Scale,
}

const fn unit(
    quantity: &'static str,
    name: &'static str,
    symbols: &'static [&'static str],
    names: &'static [&'static str],
    scale: Scale,
) -> Unit {
    Unit { quantity, name, symbols, names, scale }
}

use Scale::{By, Inverse, Shifted};

const POUND: f64 = 0.453_592_37;
const GRAVITY: f64 = 9.806_65;
const FOOT: f64 = 0.3048;
const MILE: f64 = 1_609.344;
const GALLON_US: f64 = 3.785_411_784;
const GALLON_UK: f64 = 4.546_09;
const DAY: f64 = 86_400.0;
const KIBI: f64 = 1_024.0;

#[rustfmt::skip]
pub const UNITS: &[Unit] = &[
    unit("length", "metre", &["m"], &["metres", "meter", "meters"], By(1.0)),
    unit("length", "kilometre", &["km"], &["kilometres", "kilometer", "kilometers"], By(1e3)),
    unit("length", "decimetre", &["dm"], &["decimetres", "decimeter", "decimeters"], By(0.1)),
    unit("length", "centimetre", &["cm"], &["centimetres", "centimeter", "centimeters"], By(0.01)),
    unit("length", "millimetre", &["mm"], &["millimetres", "millimeter", "millimeters"], By(1e-3)),
    unit("length", "micrometre", &["µm", "um"], &["micrometres", "micrometer", "micrometers", "micron", "microns"], By(1e-6)),
    unit("length", "nanometre", &["nm"], &["nanometres", "nanometer", "nanometers"], By(1e-9)),
    unit("length", "inch", &["in", "\""], &["inches"], By(0.0254)),
    unit("length", "foot", &["ft", "'"], &["feet"], By(FOOT)),
    unit("length", "yard", &["yd"], &["yards"], By(0.9144)),
    unit("length", "mile", &["mi"], &["miles"], By(MILE)),
    unit("length", "nautical mile", &["nmi", "NM"], &["nautical miles"], By(1_852.0)),
    unit("length", "fathom", &["ftm"], &["fathoms"], By(1.8288)),
    unit("length", "astronomical unit", &["au", "AU"], &["astronomical units"], By(149_597_870_700.0)),
    unit("length", "light-year", &["ly"], &["light-years", "light year", "light years"], By(9_460_730_472_580_800.0)),
    unit("length", "parsec", &["pc"], &["parsecs"], By(149_597_870_700.0 * 648_000.0 / PI)),

    unit("mass", "kilogram", &["kg"], &["kilograms", "kilo", "kilos", "kilogramme"], By(1.0)),
    unit("mass", "gram", &["g"], &["grams", "gramme", "grammes"], By(1e-3)),
    unit("mass", "milligram", &["mg"], &["milligrams"], By(1e-6)),
    unit("mass", "microgram", &["µg", "ug"], &["micrograms"], By(1e-9)),
    unit("mass", "tonne", &["t"], &["tonnes", "metric ton", "metric tons"], By(1e3)),
    unit("mass", "pound", &["lb", "lbs"], &["pounds"], By(POUND)),
    unit("mass", "ounce", &["oz"], &["ounces"], By(POUND / 16.0)),
    unit("mass", "stone", &["st"], &["stones"], By(POUND * 14.0)),
    unit("mass", "short ton", &[], &["short tons", "us ton", "us tons"], By(POUND * 2_000.0)),
    unit("mass", "long ton", &[], &["long tons", "imperial ton", "imperial tons"], By(POUND * 2_240.0)),
    unit("mass", "carat", &["ct"], &["carats"], By(2e-4)),
    unit("mass", "troy ounce", &["ozt"], &["troy ounces"], By(0.031_103_476_8)),
    unit("mass", "grain", &["gr"], &["grains"], By(POUND / 7_000.0)),

    unit("temperature", "kelvin", &["K"], &["kelvins"], By(1.0)),
    unit("temperature", "degree Celsius", &["°C", "C", "degC"], &["degrees celsius", "celsius", "centigrade"], Shifted(273.15, 1.0)),
    unit("temperature", "degree Fahrenheit", &["°F", "F", "degF"], &["degrees fahrenheit", "fahrenheit"], Shifted(459.67, 5.0 / 9.0)),
    unit("temperature", "degree Rankine", &["°R", "degR"], &["degrees rankine", "rankine"], By(5.0 / 9.0)),

    unit("time", "second", &["s"], &["seconds", "sec", "secs"], By(1.0)),
    unit("time", "millisecond", &["ms"], &["milliseconds"], By(1e-3)),
    unit("time", "microsecond", &["µs", "us"], &["microseconds"], By(1e-6)),
    unit("time", "nanosecond", &["ns"], &["nanoseconds"], By(1e-9)),
    unit("time", "minute", &["min"], &["minutes"], By(60.0)),
    unit("time", "hour", &["h", "hr"], &["hours"], By(3_600.0)),
    unit("time", "day", &["d"], &["days"], By(DAY)),
    unit("time", "week", &["wk"], &["weeks"], By(DAY * 7.0)),
    unit("time", "fortnight", &[], &["fortnights"], By(DAY * 14.0)),
    unit("time", "month", &["mo"], &["months"], By(DAY * 365.25 / 12.0)),
    unit("time", "year", &["yr", "a"], &["years"], By(DAY * 365.25)),
    unit("time", "decade", &[], &["decades"], By(DAY * 3_652.5)),
    unit("time", "century", &[], &["centuries"], By(DAY * 36_525.0)),

    unit("area", "square metre", &["m²", "m2"], &["square metres", "square meter", "square meters"], By(1.0)),
    unit("area", "square kilometre", &["km²", "km2"], &["square kilometres", "square kilometer", "square kilometers"], By(1e6)),
    unit("area", "square centimetre", &["cm²", "cm2"], &["square centimetres", "square centimeter", "square centimeters"], By(1e-4)),
    unit("area", "square millimetre", &["mm²", "mm2"], &["square millimetres", "square millimeter", "square millimeters"], By(1e-6)),
    unit("area", "hectare", &["ha"], &["hectares"], By(1e4)),
    unit("area", "are", &[], &["ares"], By(100.0)),
    unit("area", "acre", &["ac"], &["acres"], By(4_046.856_422_4)),
    unit("area", "square inch", &["in²", "in2", "sq in"], &["square inches"], By(0.0254 * 0.0254)),
    unit("area", "square foot", &["ft²", "ft2", "sq ft"], &["square feet"], By(FOOT * FOOT)),
    unit("area", "square yard", &["yd²", "yd2", "sq yd"], &["square yards"], By(0.9144 * 0.9144)),
    unit("area", "square mile", &["mi²", "mi2", "sq mi"], &["square miles"], By(MILE * MILE)),

    unit("volume", "litre", &["L", "l"], &["litres", "liter", "liters"], By(1.0)),
    unit("volume", "millilitre", &["mL", "ml"], &["millilitres", "milliliter", "milliliters"], By(1e-3)),
    unit("volume", "centilitre", &["cL", "cl"], &["centilitres", "centiliter", "centiliters"], By(0.01)),
    unit("volume", "decilitre", &["dL", "dl"], &["decilitres", "deciliter", "deciliters"], By(0.1)),
    unit("volume", "hectolitre", &["hL", "hl"], &["hectolitres", "hectoliter", "hectoliters"], By(100.0)),
    unit("volume", "cubic metre", &["m³", "m3"], &["cubic metres", "cubic meter", "cubic meters"], By(1e3)),
    unit("volume", "cubic centimetre", &["cm³", "cm3", "cc"], &["cubic centimetres", "cubic centimeter", "cubic centimeters"], By(1e-3)),
    unit("volume", "cubic inch", &["in³", "in3"], &["cubic inches"], By(0.016_387_064)),
    unit("volume", "cubic foot", &["ft³", "ft3"], &["cubic feet"], By(28.316_846_592)),
    unit("volume", "US gallon", &["gal"], &["gallon", "gallons", "us gallons"], By(GALLON_US)),
    unit("volume", "US quart", &["qt"], &["quart", "quarts", "us quarts"], By(GALLON_US / 4.0)),
    unit("volume", "US pint", &["pt"], &["pint", "pints", "us pints"], By(GALLON_US / 8.0)),
    unit("volume", "US cup", &["cup"], &["cups", "us cups"], By(GALLON_US / 16.0)),
    unit("volume", "US fluid ounce", &["fl oz", "floz"], &["fluid ounce", "fluid ounces", "us fluid ounces"], By(GALLON_US / 128.0)),
    unit("volume", "tablespoon", &["tbsp"], &["tablespoons"], By(GALLON_US / 256.0)),
    unit("volume", "teaspoon", &["tsp"], &["teaspoons"], By(GALLON_US / 768.0)),
    unit("volume", "imperial gallon", &["imp gal"], &["imperial gallons", "uk gallon", "uk gallons"], By(GALLON_UK)),
    unit("volume", "imperial pint", &["imp pt"], &["imperial pints", "uk pint", "uk pints"], By(GALLON_UK / 8.0)),
    unit("volume", "imperial fluid ounce", &["imp fl oz"], &["imperial fluid ounces", "uk fluid ounce"], By(GALLON_UK / 160.0)),
    unit("volume", "oil barrel", &["bbl"], &["oil barrels", "barrel", "barrels"], By(GALLON_US * 42.0)),

    unit("speed", "metre per second", &["m/s"], &["metres per second", "meter per second", "meters per second"], By(1.0)),
    unit("speed", "kilometre per hour", &["km/h", "kph", "kmh"], &["kilometres per hour", "kilometer per hour", "kilometers per hour"], By(1.0 / 3.6)),
    unit("speed", "mile per hour", &["mph", "mi/h"], &["miles per hour"], By(MILE / 3_600.0)),
    unit("speed", "knot", &["kn", "kt"], &["knots"], By(1_852.0 / 3_600.0)),
    unit("speed", "foot per second", &["ft/s", "fps"], &["feet per second"], By(FOOT)),
    unit("speed", "speed of light", &["c"], &[], By(299_792_458.0)),

    unit("pressure", "pascal", &["Pa"], &["pascals"], By(1.0)),
    unit("pressure", "hectopascal", &["hPa"], &["hectopascals"], By(100.0)),
    unit("pressure", "kilopascal", &["kPa"], &["kilopascals"], By(1e3)),
    unit("pressure", "megapascal", &["MPa"], &["megapascals"], By(1e6)),
    unit("pressure", "bar", &["bar"], &["bars"], By(1e5)),
    unit("pressure", "millibar", &["mbar"], &["millibars"], By(100.0)),
    unit("pressure", "atmosphere", &["atm"], &["atmospheres"], By(101_325.0)),
    unit("pressure", "pound per square inch", &["psi"], &["pounds per square inch"], By(POUND * GRAVITY / (0.0254 * 0.0254))),
    unit("pressure", "millimetre of mercury", &["mmHg"], &["millimetres of mercury", "millimeters of mercury"], By(133.322_387_415)),
    unit("pressure", "torr", &["Torr"], &[], By(101_325.0 / 760.0)),

    unit("energy", "joule", &["J"], &["joules"], By(1.0)),
    unit("energy", "kilojoule", &["kJ"], &["kilojoules"], By(1e3)),
    unit("energy", "megajoule", &["MJ"], &["megajoules"], By(1e6)),
    unit("energy", "calorie", &["cal"], &["calories"], By(4.184)),
    unit("energy", "kilocalorie", &["kcal", "Cal"], &["kilocalories"], By(4_184.0)),
    unit("energy", "watt-hour", &["Wh"], &["watt-hours", "watt hour", "watt hours"], By(3_600.0)),
    unit("energy", "kilowatt-hour", &["kWh"], &["kilowatt-hours", "kilowatt hour", "kilowatt hours"], By(3.6e6)),
    unit("energy", "megawatt-hour", &["MWh"], &["megawatt-hours", "megawatt hour", "megawatt hours"], By(3.6e9)),
    unit("energy", "electronvolt", &["eV"], &["electronvolts"], By(1.602_176_634e-19)),
    unit("energy", "British thermal unit", &["BTU", "Btu"], &["british thermal units"], By(1_055.055_852_62)),
    unit("energy", "foot-pound", &["ft·lbf", "ft-lb"], &["foot-pounds", "foot pound", "foot pounds"], By(FOOT * POUND * GRAVITY)),

    unit("power", "watt", &["W"], &["watts"], By(1.0)),
    unit("power", "milliwatt", &["mW"], &["milliwatts"], By(1e-3)),
    unit("power", "kilowatt", &["kW"], &["kilowatts"], By(1e3)),
    unit("power", "megawatt", &["MW"], &["megawatts"], By(1e6)),
    unit("power", "gigawatt", &["GW"], &["gigawatts"], By(1e9)),
    unit("power", "metric horsepower", &["PS"], &["metric horsepowers"], By(75.0 * GRAVITY)),
    unit("power", "horsepower", &["hp"], &["horsepowers"], By(550.0 * FOOT * POUND * GRAVITY)),
    unit("power", "BTU per hour", &["BTU/h"], &["btu per hour"], By(1_055.055_852_62 / 3_600.0)),

    unit("force", "newton", &["N"], &["newtons"], By(1.0)),
    unit("force", "kilonewton", &["kN"], &["kilonewtons"], By(1e3)),
    unit("force", "dyne", &["dyn"], &["dynes"], By(1e-5)),
    unit("force", "kilogram-force", &["kgf", "kp"], &["kilograms-force", "kilopond"], By(GRAVITY)),
    unit("force", "pound-force", &["lbf"], &["pounds-force"], By(POUND * GRAVITY)),

    unit("angle", "degree", &["°", "deg"], &["degrees"], By(1.0)),
    unit("angle", "radian", &["rad"], &["radians"], By(180.0 / PI)),
    unit("angle", "gradian", &["gon", "grad"], &["gradians", "gons"], By(0.9)),
    unit("angle", "arcminute", &["arcmin"], &["arcminutes", "minute of arc"], By(1.0 / 60.0)),
    unit("angle", "arcsecond", &["arcsec"], &["arcseconds", "second of arc"], By(1.0 / 3_600.0)),
    unit("angle", "turn", &[], &["turns", "revolution", "revolutions"], By(360.0)),

    unit("frequency", "hertz", &["Hz"], &[], By(1.0)),
    unit("frequency", "kilohertz", &["kHz"], &[], By(1e3)),
    unit("frequency", "megahertz", &["MHz"], &[], By(1e6)),
    unit("frequency", "gigahertz", &["GHz"], &[], By(1e9)),
    unit("frequency", "revolution per minute", &["rpm"], &["revolutions per minute"], By(1.0 / 60.0)),

    unit("data", "bit", &["bit", "b"], &["bits"], By(0.125)),
    unit("data", "byte", &["B"], &["bytes"], By(1.0)),
    unit("data", "kilobit", &["kbit", "kb"], &["kilobits"], By(125.0)),
    unit("data", "megabit", &["Mbit", "Mb"], &["megabits"], By(1.25e5)),
    unit("data", "gigabit", &["Gbit", "Gb"], &["gigabits"], By(1.25e8)),
    unit("data", "kilobyte", &["kB", "KB"], &["kilobytes"], By(1e3)),
    unit("data", "megabyte", &["MB"], &["megabytes"], By(1e6)),
    unit("data", "gigabyte", &["GB"], &["gigabytes"], By(1e9)),
    unit("data", "terabyte", &["TB"], &["terabytes"], By(1e12)),
    unit("data", "petabyte", &["PB"], &["petabytes"], By(1e15)),
    unit("data", "kibibyte", &["KiB"], &["kibibytes"], By(KIBI)),
    unit("data", "mebibyte", &["MiB"], &["mebibytes"], By(KIBI * KIBI)),
    unit("data", "gibibyte", &["GiB"], &["gibibytes"], By(KIBI * KIBI * KIBI)),
    unit("data", "tebibyte", &["TiB"], &["tebibytes"], By(KIBI * KIBI * KIBI * KIBI)),

    unit("data rate", "bit per second", &["bit/s", "bps"], &["bits per second"], By(0.125)),
    unit("data rate", "kilobit per second", &["kbit/s", "kbps"], &["kilobits per second"], By(125.0)),
    unit("data rate", "megabit per second", &["Mbit/s", "Mbps"], &["megabits per second"], By(1.25e5)),
    unit("data rate", "gigabit per second", &["Gbit/s", "Gbps"], &["gigabits per second"], By(1.25e8)),
    unit("data rate", "byte per second", &["B/s"], &["bytes per second"], By(1.0)),
    unit("data rate", "kilobyte per second", &["kB/s"], &["kilobytes per second"], By(1e3)),
    unit("data rate", "megabyte per second", &["MB/s"], &["megabytes per second"], By(1e6)),
    unit("data rate", "mebibyte per second", &["MiB/s"], &["mebibytes per second"], By(KIBI * KIBI)),

    unit("fuel economy", "kilometre per litre", &["km/L", "km/l"], &["kilometres per litre", "kilometers per liter"], By(1.0)),
    unit("fuel economy", "litre per 100 kilometres", &["L/100km", "L/100 km", "l/100km", "l/100 km"], &["litres per 100 kilometres", "liters per 100 kilometers"], Inverse(100.0)),
    unit("fuel economy", "mile per US gallon", &["mpg"], &["miles per gallon", "miles per us gallon"], By(MILE / 1e3 / GALLON_US)),
    unit("fuel economy", "mile per imperial gallon", &["mpg imp"], &["miles per imperial gallon"], By(MILE / 1e3 / GALLON_UK)),
];
