//! Emptying a hosted zone of our own. Two kinds of records would stop a deletion: those that a guard has moved, which no
//! longer are what their stack would delete, and those that certificates left behind, which no stack owns.

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};

use super::DeployError;
use crate::region::Region;
use crate::target::{Target, said};

/// What one batch may hold (developer guide, quotas on ChangeResourceRecordSets): values, and characters in them.
const VALUES_MAX: usize = 1_000;
const CHARACTERS_MAX: usize = 32_000;

/// Deletes every record of a zone but its own two, which go with it; true where there were any.
pub async fn empty(target: &dyn Target, zone: &str, region: Region) -> Result<bool, DeployError> {
    let failed = |what: String| DeployError::Zone { zone: zone.to_owned(), what };
    let route53 = &target.clients_in(region)?.route53;
    let records = match records(route53, zone).await {
        Ok(records) => records,
        Err(None) => return Ok(false),
        Err(Some(what)) => return Err(failed(what)),
    };
    for batch in batches(&records) {
        let deletes: Vec<Change> = batch
            .iter()
            .map(|record| Change::builder().action(ChangeAction::Delete).resource_record_set(record.clone()).build())
            .collect::<Result<_, _>>()
            .map_err(|error| failed(error.to_string()))?;
        let batch = ChangeBatch::builder().set_changes(Some(deletes)).build();
        let batch = batch.map_err(|error| failed(error.to_string()))?;
        let call = route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
        call.send().await.map_err(|error| failed(said(&error)))?;
    }
    Ok(!records.is_empty())
}

/// Every page of a zone's records, its own NS and SOA apart; no error text where the zone does not exist.
pub async fn records(route53: &Client, zone: &str) -> Result<Vec<ResourceRecordSet>, Option<String>> {
    let mut found = Vec::new();
    let mut from: Option<(String, RrType, Option<String>)> = None;
    loop {
        let mut call = route53.list_resource_record_sets().hosted_zone_id(zone);
        if let Some((name, kind, identifier)) = from.take() {
            call = call.start_record_name(name).start_record_type(kind).set_start_record_identifier(identifier);
        }
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_hosted_zone()) => return Err(None),
            Err(error) => return Err(Some(said(&error))),
        };
        found.extend(page.resource_record_sets().iter().cloned());
        match (page.is_truncated(), page.next_record_name, page.next_record_type) {
            (true, Some(name), Some(kind)) => from = Some((name, kind, page.next_record_identifier)),
            _ => break,
        }
    }
    // The zone's own stand at its apex, where nothing else of their types can.
    let apex = found.iter().find(|record| *record.r#type() == RrType::Soa).map(|record| record.name().to_owned());
    found.retain(|record| match record.r#type() {
        RrType::Soa => false,
        RrType::Ns => apex.as_ref().is_some_and(|apex| record.name() != apex),
        _ => true,
    });
    Ok(found)
}

/// Runs of records that each fit into one batch.
fn batches(records: &[ResourceRecordSet]) -> Vec<&[ResourceRecordSet]> {
    let mut batches = Vec::new();
    let (mut from, mut values, mut characters) = (0, 0, 0);
    for (at, record) in records.iter().enumerate() {
        // An alias has no values and counts as one.
        let more = record.resource_records().len().max(1);
        let longer: usize = record.resource_records().iter().map(|value| value.value().len()).sum();
        if at > from && (values + more > VALUES_MAX || characters + longer > CHARACTERS_MAX) {
            batches.push(&records[from..at]);
            (from, values, characters) = (at, 0, 0);
        }
        values += more;
        characters += longer;
    }
    if from < records.len() {
        batches.push(&records[from..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::types::ResourceRecord;

    use super::*;

    fn record(values: usize, length: usize) -> ResourceRecordSet {
        let value = || ResourceRecord::builder().value("x".repeat(length)).build().unwrap();
        let records = (0..values).map(|_| value()).collect();
        let set = ResourceRecordSet::builder().name("a.example").r#type(RrType::Txt);
        set.set_resource_records(Some(records)).build().unwrap()
    }

    #[test]
    fn a_batch_holds_a_thousand_values_and_32_000_characters() {
        let sizes = |records: &[ResourceRecordSet]| batches(records).iter().map(|b| b.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&vec![record(1, 10); 2_300]), [1_000, 1_000, 300]);
        assert_eq!(sizes(&vec![record(400, 1); 3]), [2, 1]);
        assert_eq!(sizes(&vec![record(1, 4_000); 9]), [8, 1]);
        assert_eq!(sizes(&[record(1, 40_000)]), [1], "what fits nowhere is still tried");
        assert_eq!(sizes(&vec![record(0, 0); 1_001]), [1_000, 1]);
    }
}
