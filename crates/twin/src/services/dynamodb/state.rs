//! All tables of the account, and how a request finds its own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::api::Token;
use super::expr::Cache;
use super::link::LinkId;
use super::replica::Replica;
use super::table::Table;
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::region::Region;
use crate::wire::AwsError;

/// What needs a task of its own until it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    Link(LinkId),
    /// The items of a Region that expire.
    Expiry {
        table: u64,
        region: Region,
    },
}

/// What an item call asks of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// What the Region itself holds.
    Local,
    StrongRead,
    Write,
    Transaction,
}

impl Access {
    pub fn reading(is_consistent: bool) -> Self {
        if is_consistent { Self::StrongRead } else { Self::Local }
    }
}

#[derive(Default)]
pub struct State {
    pub tables: BTreeMap<u64, Table>,
    /// Table ids by Region and name.
    pub names: BTreeMap<Region, BTreeMap<String, u64>>,
    pub cache: Cache,
    /// Tokens of transactions, by the Region they ran in.
    pub tokens: BTreeMap<(Region, String), Token>,
    /// What needs a task, started when the lock is let go.
    pub waking: Vec<Wake>,
    /// How long the answer of the call being handled has to wait for other Regions.
    pub owed: Duration,
    last_id: u64,
}

impl State {
    /// Adds a table that has its first replica in `region`.
    pub fn insert(&mut self, region: Region, build: impl FnOnce(u64) -> Table) -> &mut Table {
        self.last_id += 1;
        let id = self.last_id;
        let table = build(id);
        self.names.entry(region).or_default().insert(table.name.clone(), id);
        self.tables.entry(id).or_insert(table)
    }

    /// The table of this name for a control-plane call, whatever its status.
    pub fn describe(&mut self, region: Region, name: &str, now: Timestamp) -> Result<&mut Table, AwsError> {
        let id = self.find(region, name, now);
        id.and_then(|id| self.tables.get_mut(&id)).ok_or_else(|| {
            let message = format!("Requested resource not found: Table: {name} not found");
            AwsError::bad_request("ResourceNotFoundException", message)
        })
    }

    /// The table of this name for an item call: it must be ready in the caller's Region. Where Regions are strongly
    /// consistent, what is asked of the others is paid for here.
    pub fn open(&mut self, call: &Call, name: &str, access: Access) -> Result<(&mut Table, &mut Cache), AwsError> {
        let (region, now) = (call.region, call.cloud.clock.now());
        let id = self.find(region, name, now);
        let table = id.and_then(|id| self.tables.get_mut(&id));
        let is_active = |table: &Table| table.replicas.get(&region).is_some_and(|replica| replica.is_active(now));
        let Some(table) = table.filter(|table| is_active(table)) else {
            return Err(AwsError::bad_request("ResourceNotFoundException", "Requested resource not found"));
        };
        match access {
            Access::Transaction if table.strong.is_some() => {
                return Err(AwsError::validation(
                    "Transactional operations are not supported on a global table with multi-Region strong consistency",
                ));
            }
            Access::Local | Access::Transaction => {}
            Access::StrongRead | Access::Write => {
                self.owed = self.owed.max(table.majority(&call.cloud, region)?);
                if access == Access::StrongRead {
                    table.settle(region, now);
                }
            }
        }
        Ok((table, &mut self.cache))
    }

    /// Removes a Region's replica, and the table with its last one.
    pub fn remove(&mut self, region: Region, id: u64) -> Option<Replica> {
        let table = self.tables.get_mut(&id)?;
        let replica = table.close_replica(region);
        if let Some(names) = self.names.get_mut(&region) {
            names.remove(&table.name);
        }
        if table.replicas.is_empty() {
            self.tables.remove(&id);
        }
        replica
    }

    fn find(&mut self, region: Region, name: &str, now: Timestamp) -> Option<u64> {
        let id = *self.names.get(&region)?.get(name)?;
        let is_gone = |replica: &Replica| replica.gone_at.is_some_and(|at| at <= now);
        let replicas = &self.tables.get(&id)?.replicas;
        if replicas.values().any(is_gone) {
            let gone: Vec<Region> = replicas.values().filter(|replica| is_gone(replica)).map(|r| r.region).collect();
            gone.iter().for_each(|gone| drop(self.remove(*gone, id)));
            return self.names.get(&region)?.get(name).copied();
        }
        Some(id)
    }
}
