//! Losing a Region's application on a real account: reserved concurrency 0 throttles every invocation of a function, and
//! API Gateway answers 5xx for it (Lambda developer guide, "Configuring reserved concurrency": to throttle a function, set
//! it to zero). One call does it and one undoes it; what the function had is in the undo log before the first.

use aws_sdk_lambda::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Place;
use crate::history::UndoLog;
use crate::region::Region;
use crate::target::{Target, TargetError, said};

/// No invocation runs.
const NONE: i32 = 0;

/// What a function had reserved; all that finds it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    pub region: Region,
    pub function: String,
    /// None where it shares the account's concurrency with the others.
    pub reserved: Option<i32>,
}

/// Functions that are throttled, each with its entry in the undo log.
pub struct Throttled(Vec<(u32, Reserved)>);

/// Throttles functions of a Region. Where one cannot be, those before it are given back.
pub async fn throttle(place: &Place<'_>, region: Region, functions: &[String]) -> Result<Throttled, TargetError> {
    if functions.is_empty() {
        let what = format!("the stack names no function in {region}: layout.yaml must give this role");
        return Err(TargetError(what));
    }
    let mut throttled = Throttled(Vec::new());
    for function in functions {
        if let Err(why) = throttled.add(place, region, function).await {
            let given_back = throttled.give_back(place).await;
            return Err(match given_back {
                Ok(()) => why,
                Err(then) => TargetError(format!("{why}; and then {then}")),
            });
        }
    }
    Ok(throttled)
}

impl Throttled {
    async fn add(&mut self, place: &Place<'_>, region: Region, function: &str) -> Result<(), TargetError> {
        let client = &place.target.clients_in(region)?.lambda;
        let mut before = Reserved { region, function: function.to_owned(), reserved: None };
        before.reserved = before
            .read(client)
            .await?
            .ok_or_else(|| TargetError(format!("there is no function {function} in {region} to throttle")))?;
        let log = place.recorder.undo();
        let undo = note(log, &before)
            .map_err(|why| TargetError(format!("the undo log cannot be written, so nothing was throttled: {why}")))?;
        // From here on it may be throttled, whatever the call answers.
        self.0.push((undo, before));
        put(client, region, function, Some(NONE)).await
    }

    /// Gives back what every function had.
    pub async fn give_back(self, place: &Place<'_>) -> Result<(), TargetError> {
        let mut left = Vec::new();
        for (undo, before) in self.0.into_iter().rev() {
            let restored = before.restore(place.target).await;
            let written = restored.and_then(|()| {
                place.recorder.undo().undone(undo).map_err(|why| TargetError(format!("the undo log: {why}")))
            });
            left.extend(written.err().map(|why| why.0));
        }
        if left.is_empty() { Ok(()) } else { Err(TargetError(left.join("; "))) }
    }
}

/// Writes what was there and what it is set to next.
fn note(log: &UndoLog, before: &Reserved) -> std::io::Result<u32> {
    let undo = log.before(&before.name(), before.described())?;
    log.sets(undo, json!(NONE))?;
    Ok(undo)
}

impl Reserved {
    pub fn name(&self) -> String {
        format!("reserved concurrency of {} in {}", self.function, self.region)
    }

    /// For the undo log.
    fn described(&self) -> Value {
        json!({
            "kind": "reserved-concurrency",
            "region": self.region,
            "function": self.function,
            "reserved": self.reserved,
        })
    }

    /// Gives it back and reads it again. What somebody else set meanwhile stays, and is an error; a function that is gone
    /// needs nothing.
    pub async fn restore(&self, target: &dyn Target) -> Result<(), TargetError> {
        let client = &target.clients_in(self.region)?.lambda;
        let found = match self.read(client).await? {
            None => return Ok(()),
            Some(found) => found,
        };
        if found == self.reserved {
            return Ok(());
        }
        if found != Some(NONE) {
            let what = format!(
                "somebody else set the {} to {}, and it was left so; it was {}",
                self.name(),
                shown(found),
                shown(self.reserved)
            );
            return Err(TargetError(what));
        }
        put(client, self.region, &self.function, self.reserved).await?;
        match self.read(client).await? {
            None => Ok(()),
            Some(now) if now == self.reserved => Ok(()),
            Some(now) => {
                let what = format!("the {} was set back to {}", self.name(), shown(self.reserved));
                Err(TargetError(format!("{what}, and is {}", shown(now))))
            }
        }
    }

    /// What it has reserved now; none where the function is gone.
    pub async fn read(&self, client: &Client) -> Result<Option<Option<i32>>, TargetError> {
        match client.get_function_concurrency().function_name(&self.function).send().await {
            Ok(found) => Ok(Some(found.reserved_concurrent_executions())),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                Ok(None)
            }
            Err(error) => Err(TargetError(format!("the {} cannot be read: {}", self.name(), said(&error)))),
        }
    }
}

async fn put(client: &Client, region: Region, function: &str, reserved: Option<i32>) -> Result<(), TargetError> {
    let set = match reserved {
        Some(reserved) => {
            let call = client.put_function_concurrency().function_name(function);
            call.reserved_concurrent_executions(reserved).send().await.map(|_| ()).map_err(|error| said(&error))
        }
        None => {
            let call = client.delete_function_concurrency().function_name(function);
            call.send().await.map(|_| ()).map_err(|error| said(&error))
        }
    };
    set.map_err(|why| TargetError(format!("the reserved concurrency of {function} in {region} cannot be set: {why}")))
}

fn shown(reserved: Option<i32>) -> String {
    reserved.map_or_else(|| "none".to_owned(), |reserved| reserved.to_string())
}
