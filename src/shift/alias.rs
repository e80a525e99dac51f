//! The alias of a function in one Region: which version it leads to, and the share another one gets. Its revision is
//! compared before each write.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ShiftError, is_passing, patiently};
use crate::region::Region;

/// The variable in which a version of the application is named.
const RELEASE: &str = "VERSION";

/// A function's alias.
#[derive(Clone, Debug)]
pub struct Alias {
    client: Client,
    pub region: Region,
    function: String,
    alias: String,
}

/// What an alias leads to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    pub version: String,
    /// Another version, and its share from 0 to 1.
    pub other: Option<(String, f64)>,
    #[serde(skip)]
    revision: String,
}

impl Alias {
    /// From the alias's ARN: `arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS`.
    pub fn of_arn(client: &Client, region: Region, arn: &str) -> Option<Self> {
        let mut parts = arn.split(':').skip(6);
        let (function, alias) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self { client: client.clone(), region, function, alias })
    }

    pub fn new(client: &Client, region: Region, function: &str, alias: &str) -> Self {
        Self { client: client.clone(), region, function: function.to_owned(), alias: alias.to_owned() }
    }

    /// For the undo log: all that finds the alias again, and what it leads to.
    pub fn described(&self, before: &Versions) -> Value {
        json!({
            "kind": "alias",
            "region": self.region,
            "function": self.function,
            "alias": self.alias,
            "version": before.version,
            "other": before.other,
        })
    }

    pub fn name(&self) -> String {
        format!("alias {} of {} in {}", self.alias, self.function, self.region)
    }

    pub async fn read(&self) -> Result<Versions, ShiftError> {
        patiently(&self.name(), async || {
            let call = self.client.get_alias().function_name(&self.function).name(&self.alias);
            let got = call.send().await.map_err(|error| failure(&error))?;
            Ok(Versions::of(got.function_version(), got.routing_config(), got.revision_id()))
        })
        .await
    }

    /// Makes a version of what the function is now, which nothing leads to yet.
    pub async fn publish(&self) -> Result<String, ShiftError> {
        patiently("a new version", async || {
            let call = self.client.publish_version().function_name(&self.function);
            let made = call.send().await.map_err(|error| failure(&error))?;
            Ok(made.version().unwrap_or_default().to_owned())
        })
        .await
    }

    /// How a version names itself in its answers.
    pub async fn release_of(&self, version: &str) -> Result<Option<String>, ShiftError> {
        patiently("the settings of a version", async || {
            let call = self.client.get_function_configuration().function_name(&self.function).qualifier(version);
            let got = call.send().await.map_err(|error| failure(&error))?;
            Ok(got.environment().and_then(|set| set.variables()).and_then(|all| all.get(RELEASE)).cloned())
        })
        .await
    }

    /// Leads to `version`, and a share of it to `other`, where the alias still is what was read.
    pub async fn set(
        &self,
        read: &Versions,
        version: &str,
        other: Option<(&str, f64)>,
    ) -> Result<Versions, ShiftError> {
        let mut routing = AliasRoutingConfiguration::builder();
        if let Some((other, share)) = other {
            routing = routing.additional_version_weights(other, share);
        } else {
            routing = routing.set_additional_version_weights(Some(Default::default()));
        }
        let routing = routing.build();
        patiently(&self.name(), async || {
            let call = self.client.update_alias().function_name(&self.function).name(&self.alias);
            let call = call.function_version(version).routing_config(routing.clone()).revision_id(&read.revision);
            let set = call.send().await.map_err(|error| failure(&error))?;
            Ok(Versions::of(set.function_version(), set.routing_config(), set.revision_id()))
        })
        .await
    }

    /// Leads to what it led to before, where it still leads to something that was `set` by us; reads it again.
    pub async fn restore(&self, set: &[Versions], before: &Versions) -> Result<(), ShiftError> {
        let there = self.read().await?;
        if there.leads_like(before) {
            return Ok(());
        }
        if !set.iter().any(|ours| there.leads_like(ours)) {
            let what = format!("somebody else leads it to {}, and it was left as they did", there.named());
            return Err(ShiftError::Conflict(what));
        }
        let other = before.other.as_ref().map(|(version, share)| (version.as_str(), *share));
        self.set(&there, &before.version, other).await?;
        let there = self.read().await?;
        if !there.leads_like(before) {
            let what = format!("it was led back to {} and leads to {}", before.named(), there.named());
            return Err(ShiftError::Conflict(what));
        }
        Ok(())
    }

    /// An alias of another name that leads to a version, made or moved, which API Gateway may invoke for the API that
    /// `source` names.
    pub async fn also(&self, alias: &str, version: &str, source: &str) -> Result<(), ShiftError> {
        self.lead_also(alias, version).await?;
        patiently(&format!("the permission of alias {alias}"), async || {
            let call = self.client.add_permission().function_name(&self.function).qualifier(alias);
            let call = call.statement_id("blackstart-canary").action("lambda:InvokeFunction");
            match call.principal("apigateway.amazonaws.com").source_arn(source).send().await {
                Ok(_) => Ok(()),
                Err(error) if error.code() == Some("ResourceConflictException") => Ok(()),
                Err(error) => Err(failure(&error)),
            }
        })
        .await
    }

    async fn lead_also(&self, alias: &str, version: &str) -> Result<(), ShiftError> {
        patiently(&format!("alias {alias}"), async || {
            let call = self.client.create_alias().function_name(&self.function).name(alias).function_version(version);
            match call.send().await {
                Ok(_) => Ok(()),
                Err(error) if error.code() == Some("ResourceConflictException") => {
                    let call = self.client.update_alias().function_name(&self.function).name(alias);
                    call.function_version(version).send().await.map(|_| ()).map_err(|error| failure(&error))
                }
                Err(error) => Err(failure(&error)),
            }
        })
        .await
    }
}

impl Versions {
    fn of(version: Option<&str>, routing: Option<&AliasRoutingConfiguration>, revision: Option<&str>) -> Self {
        let other = routing.and_then(|routing| routing.additional_version_weights());
        let other = other.and_then(|weights| weights.iter().next()).map(|(other, share)| (other.clone(), *share));
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self { version: text(version), other, revision: text(revision) }
    }

    /// The same, whichever revision it is.
    pub fn leads_like(&self, other: &Self) -> bool {
        (&self.version, &self.other) == (&other.version, &other.other)
    }

    /// What an alias is about to lead to.
    pub fn to(version: &str, other: Option<(&str, f64)>) -> Self {
        let other = other.map(|(version, share)| (version.to_owned(), share));
        Self { version: version.to_owned(), other, revision: String::new() }
    }

    fn named(&self) -> String {
        let other =
            self.other.as_ref().map(|(version, share)| format!(" and {} % to version {version}", share * 100.0));
        format!("version {}{}", self.version, other.unwrap_or_default())
    }
}

fn failure<E, R>(error: &aws_sdk_lambda::error::SdkError<E, R>) -> ShiftError
where
    E: ProvideErrorMetadata,
{
    let what = error.code().map_or_else(
        || "Lambda could not be reached".to_owned(),
        |code| format!("{code}: {}", error.message().unwrap_or_default()),
    );
    match error.code() {
        Some("PreconditionFailedException") => ShiftError::Conflict(what),
        _ if is_passing(error) => ShiftError::Busy(what),
        _ => ShiftError::Failed(what),
    }
}
