//! Who the target says we are.

use super::bench::{Bench, minutes};
use super::miss::{Probed, lie, refused_raw};
use crate::capability::Capability;
use crate::target::element;

const VERSION: &str = "2011-06-15";

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Identity, minutes(1), identity(bench)).await;
}

async fn identity(bench: &Bench<'_>) -> Probed {
    let account = account(bench).await?;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return lie(format!("GetCallerIdentity gives the account {account:?}, which is no account number"));
    }
    Ok(format!("GetCallerIdentity gives the account {account}"))
}

/// The account's number.
pub async fn account(bench: &Bench<'_>) -> Probed {
    let answer = bench.ours()?.raw.query("sts", VERSION, "GetCallerIdentity", &[]).await;
    let answer = answer.map_err(refused_raw("GetCallerIdentity"))?;
    Ok(element(&answer, "Account").unwrap_or_default())
}
