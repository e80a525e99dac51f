//! The name servers: several locations, each with its own view of every zone. A change reaches each of them at its
//! own moment, and until the last has it two users may be told different things.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

use crate::clock::Timestamp;
use crate::dns::{Node, Zones};
use crate::region::Point;

/// Where the name servers are: cities of AWS's list of Route 53 edge locations, one for each part of the world
/// that clients can be in and a few more.
pub const LOCATIONS: &[(&str, f64, f64)] = &[
    ("Ashburn", 39.04, -77.49),
    ("New York", 40.71, -74.01),
    ("San Francisco", 37.77, -122.42),
    ("Sao Paulo", -23.55, -46.63),
    ("Dublin", 53.35, -6.26),
    ("London", 51.51, -0.13),
    ("Frankfurt", 50.11, 8.68),
    ("Johannesburg", -26.20, 28.05),
    ("Mumbai", 19.08, 72.88),
    ("Singapore", 1.35, 103.82),
    ("Tokyo", 35.68, 139.69),
    ("Sydney", -33.87, 151.21),
];

/// How long a change takes to reach one location. The API reference says changes "generally" reach all servers
/// within 60 seconds: the slowest of twelve such draws has its median near 32 s and passes 60 s about once in 200.
const REACH_MEDIAN_S: f64 = 18.0;
const REACH_SIGMA: f64 = 0.35;

/// What happens to a zone at every location.
#[derive(Debug)]
pub enum Update {
    Opened {
        name: String,
    },
    Closed {
        name: String,
    },
    /// What these names hold from now on; nothing where they are gone.
    Names {
        zone: String,
        names: Vec<(String, Option<Arc<Node>>)>,
    },
}

/// One location.
#[derive(Debug)]
pub struct Edge {
    pub at: Point,
    /// As they are served here.
    pub zones: Zones,
    pending: BTreeMap<(Timestamp, u64), (String, Arc<Update>)>,
    /// When the last change of each zone arrives: changes of a zone never overtake each other.
    last: BTreeMap<String, Timestamp>,
}

pub fn all() -> Vec<Edge> {
    let edge = |&(_, latitude, longitude): &(&str, f64, f64)| Edge {
        at: Point { latitude, longitude },
        zones: Zones::default(),
        pending: BTreeMap::new(),
        last: BTreeMap::new(),
    };
    LOCATIONS.iter().map(edge).collect()
}

/// A draw of the time a change takes to reach a location.
pub fn reach(rng: &mut ChaCha8Rng) -> Duration {
    let seconds = LogNormal::new(REACH_MEDIAN_S.ln(), REACH_SIGMA).map_or(REACH_MEDIAN_S, |draw| draw.sample(rng));
    Duration::from_millis((seconds * 1_000.0) as u64)
}

impl Edge {
    /// Takes a change that will be served from `at` on, or from when the zone's change before it is; says when.
    pub fn enqueue(&mut self, at: Timestamp, order: u64, zone_id: &str, update: &Arc<Update>) -> Timestamp {
        let last = self.last.entry(zone_id.to_owned()).or_insert(at);
        let at = at.max(*last);
        *last = at;
        self.pending.insert((at, order), (zone_id.to_owned(), update.clone()));
        at
    }

    /// Serves every change that has arrived by now.
    pub fn settle(&mut self, now: Timestamp) {
        while let Some(entry) = self.pending.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let (zone_id, update) = entry.remove();
            self.apply(&zone_id, &update);
        }
    }

    fn apply(&mut self, zone_id: &str, update: &Update) {
        match update {
            Update::Opened { name } => self.zones.open(zone_id, name),
            Update::Closed { name } => {
                self.zones.close(zone_id, name);
                self.last.remove(zone_id);
            }
            Update::Names { zone, names } => {
                let Some(zone) = self.zones.get_mut(zone_id, zone) else { return };
                for (name, node) in names {
                    zone.put(name, node.clone());
                }
            }
        }
    }
}
