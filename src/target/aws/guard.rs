//! The allow-list: nothing is done on an account or in a Region that `blackstart.yaml` does not name, as STS tells it.
//!
//! ```text
//! Unchecked ─check: GetCallerIdentity in every Region, allowed()─→ Checked ─→ clients
//! ```
//!
//! There is no other way to clients: who holds an [`Unchecked`] can ask STS who it is, and nothing else.

use aws_types::SdkConfig;

use super::super::{Clients, Raw, TargetError, element};
use crate::region::Region;
use crate::scenario::Allow;

/// The version of STS's API (API reference).
const STS_VERSION: &str = "2011-06-15";

/// How a Region would be acted on.
pub(super) struct Access {
    pub region: Region,
    pub config: SdkConfig,
    pub raw: Raw,
}

/// Credentials whose account nobody knows yet.
pub struct Unchecked(Vec<Access>);

/// Credentials of allowed accounts, for allowed Regions.
pub struct Checked {
    access: Vec<Access>,
    accounts: Vec<Account>,
}

/// Who acts in a Region, as STS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub region: Region,
    /// Twelve digits.
    pub id: String,
    pub arn: String,
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("{}", not_allowed(.found, .allow))]
    NotAllowed { found: Vec<Account>, allow: Allow },
    #[error("aws: nothing was done: STS in {region} does not say whose credentials these are: {what}")]
    Unknown { region: Region, what: String },
    #[error("aws: nothing was done: the plan names no Region")]
    NoRegion,
}

impl From<Refusal> for TargetError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.to_string())
    }
}

/// Whether all that was found is on the list. An empty list allows nothing.
pub fn allowed(found: &[Account], allow: &Allow) -> Result<(), Refusal> {
    if found.is_empty() {
        return Err(Refusal::NoRegion);
    }
    let fine = |account: &Account| allow.accounts.contains(&account.id) && allow.regions.contains(&account.region);
    if found.iter().all(fine) {
        return Ok(());
    }
    Err(Refusal::NotAllowed { found: found.to_vec(), allow: allow.clone() })
}

impl Unchecked {
    pub(super) fn new(access: Vec<Access>) -> Self {
        Self(access)
    }

    /// Asks STS in every Region whose credentials these are: accounts may differ where roles are assumed.
    async fn accounts(&self) -> Result<Vec<Account>, Refusal> {
        let mut accounts = Vec::new();
        for access in &self.0 {
            accounts.push(who(&access.raw).await?);
        }
        Ok(accounts)
    }

    /// The credentials, where all of them are allowed.
    pub async fn check(self, allow: &Allow) -> Result<Checked, Refusal> {
        let accounts = self.accounts().await?;
        allowed(&accounts, allow)?;
        Ok(Checked { access: self.0, accounts })
    }
}

impl Checked {
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    pub(super) fn clients(&self) -> Vec<(Region, Clients)> {
        let clients = |access: &Access| (access.region, Clients::new(&access.config, access.raw.clone()));
        self.access.iter().map(clients).collect()
    }
}

async fn who(raw: &Raw) -> Result<Account, Refusal> {
    let region = raw.region;
    let unknown = |what: String| Refusal::Unknown { region, what };
    let answer =
        raw.query("sts", STS_VERSION, "GetCallerIdentity", &[]).await.map_err(|why| unknown(why.to_string()))?;
    let id = element(&answer, "Account").unwrap_or_default();
    if id.len() != 12 || !id.chars().all(|digit| digit.is_ascii_digit()) {
        return Err(unknown(format!("its answer names the account {id:?}")));
    }
    Ok(Account { region, id, arn: element(&answer, "Arn").unwrap_or_default() })
}

/// What was found, what is allowed, and what to write to allow it.
fn not_allowed(found: &[Account], allow: &Allow) -> String {
    let mut lines = vec!["aws: nothing was done: blackstart.yaml does not allow it.".to_owned()];
    for account in found {
        let is = |yes| if yes { "" } else { " (not allowed)" };
        lines.push(format!(
            "  found    account {}{} in {}{}, as {}",
            account.id,
            is(allow.accounts.contains(&account.id)),
            account.region,
            is(allow.regions.contains(&account.region)),
            account.arn
        ));
    }
    let listed = |list: Vec<&str>| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let accounts: Vec<&str> = allow.accounts.iter().map(String::as_str).collect();
    let regions: Vec<&str> = allow.regions.iter().map(|region| region.as_str()).collect();
    lines.push(format!("  allowed  accounts: {}; Regions: {}", listed(accounts.clone()), listed(regions.clone())));
    let quoted = |id: &&str| format!("\"{id}\"");
    let accounts = united(accounts, found.iter().map(|account| account.id.as_str()));
    let regions = united(regions, found.iter().map(|account| account.region.as_str()));
    lines.push("If this is where game days may be held, write into blackstart.yaml:".to_owned());
    lines.push("  aws:\n    allow:".to_owned());
    lines.push(format!("      accounts: [{}]", accounts.iter().map(quoted).collect::<Vec<_>>().join(", ")));
    lines.push(format!("      regions: [{}]", regions.join(", ")));
    lines.join("\n")
}

fn united<'a>(mut list: Vec<&'a str>, more: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
    list
}
