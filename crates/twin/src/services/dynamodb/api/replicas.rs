//! The Regions a table is in: replicas added, changed and removed, and the members of a strongly consistent table.

use super::tables::{check_not_source, usable_key};
use super::update_table::{CHANGE, Consistency, ReplicaRegion, ReplicaUpdate, UpdateTable};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::services::dynamodb::replica::Replica;
use crate::services::dynamodb::replication::REPLICA_CREATION;
use crate::services::dynamodb::schema::IndexKind;
use crate::services::dynamodb::state::State;
use crate::services::dynamodb::stream::{Stream, View};
use crate::services::dynamodb::strong::{Strong, Witness, check_regions};
use crate::services::dynamodb::table::Table;
use crate::wire::AwsError;

/// Replicas that now have to be filled: the table's id, and where.
pub type Opening = Vec<(u64, Region)>;

/// Changes the Regions a table is in, as the request says.
pub fn change(
    state: &mut State,
    cloud: &Cloud,
    (region, id): (Region, u64),
    request: &UpdateTable,
    now: Timestamp,
) -> Result<Opening, AwsError> {
    let table = state.tables.get(&id).ok_or_else(gone)?;
    let (replicas, witnesses) = (&request.replica_updates, &request.global_table_witness_updates);
    if request.multi_region_consistency.is_some() && !replicas.iter().any(|update| update.create.is_some()) {
        return Err(AwsError::validation(
            "MultiRegionConsistency can only be specified when a global table is created, with replicas to create",
        ));
    }
    let is_changed = !(replicas.is_empty() && witnesses.is_empty());
    let is_an_update = matches!(replicas.as_slice(), [ReplicaUpdate { create: None, update: Some(_), delete: None }]);
    if request.multi_region_consistency == Some(Consistency::Strong) {
        return form(state, cloud, (region, id), request, now);
    }
    if table.strong.is_some() && is_changed && !is_an_update {
        return dissolve(state, cloud, (region, id), request, now);
    }
    if !witnesses.is_empty() {
        return Err(AwsError::validation("Witnesses are for global tables with multi-Region strong consistency alone"));
    }
    let update = match replicas.as_slice() {
        [] => return Ok(Vec::new()),
        [one] => one,
        _ => return Err(AwsError::validation("Update table operation with more than one replica update")),
    };
    match (&update.create, &update.update, &update.delete) {
        (Some(wanted), None, None) => {
            let to = available(cloud, &wanted.region_name)?;
            if table.stream_view() != Some(View::NewAndOldImages) {
                return Err(AwsError::validation(
                    "Table needs to have stream enabled with NEW_AND_OLD_IMAGES before a replica is added",
                ));
            }
            check_vacant(state, id, to, now)?;
            create(state, cloud, (region, id), to, wanted, now)
        }
        (None, Some(wanted), None) => {
            let to = available(cloud, &wanted.region_name)?;
            let key = check_key(cloud, to, wanted)?;
            let replica = state.tables.get_mut(&id).and_then(|table| table.replicas.get_mut(&to));
            let replica = replica.ok_or_else(|| missing(to))?;
            if key.is_some() {
                replica.settings.kms_key = key;
            }
            if let Some(class) = &wanted.table_class_override {
                replica.settings.table_class = Some(class.clone());
            }
            replica.updated_at = now + CHANGE;
            Ok(Vec::new())
        }
        (None, None, Some(wanted)) => {
            let to = available(cloud, &wanted.region_name)?;
            let table = state.tables.get_mut(&id).ok_or_else(gone)?;
            check_removable(table, to, now)?;
            remove(table, to, now);
            Ok(Vec::new())
        }
        _ => Err(AwsError::validation("A replica update is a Create, an Update or a Delete")),
    }
}

/// Makes an empty table of one Region strongly consistent across three.
fn form(
    state: &mut State,
    cloud: &Cloud,
    (region, id): (Region, u64),
    request: &UpdateTable,
    now: Timestamp,
) -> Result<Opening, AwsError> {
    let mut wanted = Vec::new();
    for update in &request.replica_updates {
        let ReplicaUpdate { create: Some(replica), update: None, delete: None } = update else {
            return Err(AwsError::validation("A global table is created with replicas to create alone"));
        };
        wanted.push((parse(&replica.region_name)?, replica));
    }
    let witness = match request.global_table_witness_updates.as_slice() {
        [] => None,
        [one] if one.delete.is_none() => one.create.as_ref().map(|witness| parse(&witness.region_name)).transpose()?,
        _ => return Err(AwsError::validation("You can create or delete only one witness per UpdateTable operation")),
    };
    let members: Vec<Region> = std::iter::once(region).chain(wanted.iter().map(|(to, _)| *to)).chain(witness).collect();
    check_regions(&members)?;
    let table = state.tables.get(&id).ok_or_else(gone)?;
    check_fit(table, region)?;
    for (to, replica) in &wanted {
        available(cloud, &replica.region_name)?;
        check_vacant(state, id, *to, now)?;
        check_key(cloud, *to, replica)?;
    }
    if let Some(table) = state.tables.get_mut(&id) {
        let witness = witness.map(|region| Witness { region, active_at: now + REPLICA_CREATION });
        table.strong = Some(Strong { witness });
        table.updated_at = now + REPLICA_CREATION;
    }
    let mut opening = Vec::new();
    for (to, replica) in wanted {
        opening.extend(create(state, cloud, (region, id), to, replica, now)?);
    }
    Ok(opening)
}

/// "An existing table must be empty to be converted"; neither TTL nor local secondary indexes (developer guide).
fn check_fit(table: &Table, region: Region) -> Result<(), AwsError> {
    let why = if table.replicas.len() > 1 {
        "the consistency of a global table cannot be changed"
    } else if table.replicas.get(&region).is_some_and(|replica| !replica.items.is_empty()) {
        "the table must be empty"
    } else if table.time_to_live.as_ref().is_some_and(|setting| setting.is_enabled) {
        "Time to Live is not supported"
    } else if table.indexes.iter().any(|index| index.kind == IndexKind::Local) {
        "local secondary indexes are not supported"
    } else {
        return Ok(());
    };
    Err(AwsError::validation(format!("Multi-Region strong consistency cannot be configured: {why}")))
}

/// Takes all other members from a strongly consistent table: it is one of a single Region then.
fn dissolve(
    state: &mut State,
    cloud: &Cloud,
    (region, id): (Region, u64),
    request: &UpdateTable,
    now: Timestamp,
) -> Result<Opening, AwsError> {
    let table = state.tables.get_mut(&id).ok_or_else(gone)?;
    let mut removed = Vec::new();
    for update in &request.replica_updates {
        let ReplicaUpdate { create: None, update: None, delete: Some(replica) } = update else {
            return Err(fixed_members());
        };
        removed.push(available(cloud, &replica.region_name)?);
    }
    let named = request.global_table_witness_updates.iter().filter_map(|update| update.delete.as_ref());
    let named: Vec<Region> = named.map(|witness| parse(&witness.region_name)).collect::<Result<_, _>>()?;
    let witness: Vec<Region> =
        table.strong.and_then(|strong| strong.witness).map(|one| one.region).into_iter().collect();
    removed.sort_unstable();
    let others: Vec<Region> = table.replicas.keys().copied().filter(|other| *other != region).collect();
    if removed != others || named != witness {
        return Err(fixed_members());
    }
    removed.iter().try_for_each(|other| check_removable(table, *other, now))?;
    removed.iter().for_each(|other| remove(table, *other, now));
    table.strong = None;
    Ok(Vec::new())
}

fn fixed_members() -> AwsError {
    AwsError::validation(
        "The members of a global table with multi-Region strong consistency are fixed: all other members can be \
         removed together, which leaves a table of this Region",
    )
}

fn create(
    state: &mut State,
    cloud: &Cloud,
    (region, id): (Region, u64),
    to: Region,
    wanted: &ReplicaRegion,
    now: Timestamp,
) -> Result<Opening, AwsError> {
    let key = check_key(cloud, to, wanted)?;
    let table = state.tables.get_mut(&id).ok_or_else(gone)?;
    let mut replica = Replica::new(to, cloud.ids.uuid(), now, table.indexes.len());
    replica.stream = table.stream_view().map(|view| Stream::new(view, now));
    replica.settings.kms_key = key;
    replica.settings.table_class.clone_from(&wanted.table_class_override);
    table.replicas.insert(to, replica);
    table.seeded_at.insert(region, now);
    let name = table.name.clone();
    state.names.entry(to).or_default().insert(name, id);
    Ok(vec![(id, to)])
}

/// The key a replica asks for, if it can be used where the replica is.
fn check_key(cloud: &Cloud, to: Region, wanted: &ReplicaRegion) -> Result<Option<String>, AwsError> {
    wanted.kms_master_key_id.as_deref().map(|key| usable_key(cloud, to, key)).transpose()
}

fn check_vacant(state: &mut State, id: u64, to: Region, now: Timestamp) -> Result<(), AwsError> {
    let name = state.tables.get(&id).ok_or_else(gone)?.name.clone();
    if state.describe(to, &name, now).is_err() {
        return Ok(());
    }
    Err(AwsError::validation(format!(
        "Failed to create a the new replica of table with name: '{name}' because one or more replicas already existed \
         as tables."
    )))
}

fn check_removable(table: &Table, to: Region, now: Timestamp) -> Result<(), AwsError> {
    let replica = table.replicas.get(&to).ok_or_else(|| missing(to))?;
    if replica.settings.deletion_protection {
        let why = "Resource cannot be deleted as it is currently protected against deletion. Disable deletion \
                   protection first.";
        return Err(AwsError::validation(why));
    }
    check_not_source(table, to, now)
}

fn remove(table: &mut Table, to: Region, now: Timestamp) {
    table.unlink(to);
    if let Some(replica) = table.replicas.get_mut(&to) {
        replica.gone_at = Some(now + CHANGE);
    }
}

fn parse(name: &str) -> Result<Region, AwsError> {
    Region::parse(name).map_err(|error| AwsError::validation(format!("Invalid Request: {error}")))
}

/// A Region that can hold a replica.
fn available(cloud: &Cloud, name: &str) -> Result<Region, AwsError> {
    Region::parse(name).ok().filter(|to| cloud.regions.contains(to)).ok_or_else(|| {
        AwsError::validation(format!(
            "Invalid Request: Replica region {name:?} is not available; the twin was started with {:?}",
            cloud.regions
        ))
    })
}

fn missing(to: Region) -> AwsError {
    AwsError::bad_request("ReplicaNotFoundException", format!("The replica does not exist in Region {to}"))
}

fn gone() -> AwsError {
    AwsError::bad_request("ResourceNotFoundException", "Requested resource not found")
}
