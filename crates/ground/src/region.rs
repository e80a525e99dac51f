//! Where things are: AWS Regions, and the places users live in.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Name, latitude and longitude. Coordinates are those of the metropolitan area AWS names for the Region.
const REGIONS: &[(&str, f64, f64)] = &[
    ("us-east-1", 38.95, -77.45),
    ("us-east-2", 39.96, -83.00),
    ("us-west-1", 37.35, -121.96),
    ("us-west-2", 45.84, -119.70),
    ("ca-central-1", 45.50, -73.57),
    ("ca-west-1", 51.05, -114.07),
    ("mx-central-1", 20.59, -100.39),
    ("sa-east-1", -23.55, -46.63),
    ("eu-west-1", 53.35, -6.26),
    ("eu-west-2", 51.51, -0.13),
    ("eu-west-3", 48.86, 2.35),
    ("eu-central-1", 50.11, 8.68),
    ("eu-central-2", 47.38, 8.54),
    ("eu-north-1", 59.33, 18.07),
    ("eu-south-1", 45.46, 9.19),
    ("eu-south-2", 41.65, -0.88),
    ("il-central-1", 32.08, 34.78),
    ("me-south-1", 26.07, 50.55),
    ("me-central-1", 24.45, 54.38),
    ("af-south-1", -33.92, 18.42),
    ("ap-south-1", 19.08, 72.88),
    ("ap-south-2", 17.39, 78.49),
    ("ap-southeast-1", 1.35, 103.82),
    ("ap-southeast-2", -33.87, 151.21),
    ("ap-southeast-3", -6.21, 106.85),
    ("ap-southeast-4", -37.81, 144.96),
    ("ap-east-1", 22.32, 114.17),
    ("ap-northeast-1", 35.68, 139.69),
    ("ap-northeast-2", 37.57, 126.98),
    ("ap-northeast-3", 34.69, 135.50),
];

/// Where client populations can be, each a city that stands for its part of the world.
const PLACES: &[(&str, f64, f64)] = &[
    ("north-america", 40.71, -74.01), // New York
    ("us-west", 37.77, -122.42),      // San Francisco
    ("south-america", -23.55, -46.63),
    ("europe", 50.11, 8.68), // Frankfurt
    ("united-kingdom", 51.51, -0.13),
    ("africa", -26.20, 28.05),
    ("india", 19.08, 72.88),
    ("asia", 35.68, 139.69),
    ("oceania", -33.87, 151.21),
];

/// An AWS Region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(&'static str);

/// A place users connect from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(&'static str);

/// A point on the globe, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub latitude: f64,
    pub longitude: f64,
}

/// A name that is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {name:?}, did you mean {nearest:?}?")]
pub struct UnknownName {
    kind: &'static str,
    name: String,
    nearest: &'static str,
}

impl Region {
    pub const US_EAST_1: Self = Self("us-east-1");
    pub const EU_WEST_1: Self = Self("eu-west-1");

    pub fn parse(name: &str) -> Result<Self, UnknownName> {
        find(REGIONS, "Region", name).map(Self)
    }

    pub const fn as_str(self) -> &'static str {
        self.0
    }

    pub fn at(self) -> Point {
        point(REGIONS, self.0)
    }
}

impl Place {
    pub fn parse(name: &str) -> Result<Self, UnknownName> {
        find(PLACES, "place", name).map(Self)
    }

    pub const fn as_str(self) -> &'static str {
        self.0
    }

    pub fn at(self) -> Point {
        point(PLACES, self.0)
    }

    pub fn names() -> impl Iterator<Item = &'static str> {
        PLACES.iter().map(|(name, ..)| *name)
    }
}

impl Point {
    /// Great-circle distance in kilometres.
    pub fn distance_km(self, other: Self) -> f64 {
        let (a, b) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_lat = ((b - a) / 2.0).sin();
        let half_lon = ((other.longitude - self.longitude).to_radians() / 2.0).sin();
        let chord = half_lat * half_lat + a.cos() * b.cos() * half_lon * half_lon;
        2.0 * 6_371.0 * chord.sqrt().asin()
    }
}

fn find(
    table: &'static [(&'static str, f64, f64)],
    kind: &'static str,
    name: &str,
) -> Result<&'static str, UnknownName> {
    let found = table.iter().find(|(known, ..)| *known == name).map(|(known, ..)| *known);
    found.ok_or_else(|| {
        let score = |known: &str| strsim::jaro_winkler(known, name);
        let nearest = table.iter().map(|(known, ..)| *known).max_by(|a, b| score(a).total_cmp(&score(b)));
        UnknownName { kind, name: name.to_owned(), nearest: nearest.unwrap_or_default() }
    })
}

fn point(table: &[(&str, f64, f64)], name: &str) -> Point {
    let (_, latitude, longitude) = table.iter().find(|(known, ..)| *known == name).copied().unwrap_or(("", 0.0, 0.0));
    Point { latitude, longitude }
}

macro_rules! as_name {
    ($name:ident, $table:ident, $about:literal) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.0)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
        impl std::str::FromStr for $name {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                Self::parse(text)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let names: Vec<&str> = $table.iter().map(|(name, ..)| *name).collect();
                schemars::json_schema!({ "type": "string", "description": $about, "enum": names })
            }
        }
    };
}

as_name!(Region, REGIONS, "An AWS Region");
as_name!(Place, PLACES, "A place users connect from");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_region_names_the_nearest() {
        let error = Region::parse("eu-wset-1").unwrap_err();
        assert_eq!(error.to_string(), r#"unknown Region "eu-wset-1", did you mean "eu-west-1"?"#);
    }

    #[test]
    fn virginia_is_nearer_to_new_york_than_dublin_is() {
        let new_york = Place::parse("north-america").unwrap().at();
        assert!(new_york.distance_km(Region::US_EAST_1.at()) < 500.0);
        assert!(new_york.distance_km(Region::EU_WEST_1.at()) > 4_500.0);
    }
}
