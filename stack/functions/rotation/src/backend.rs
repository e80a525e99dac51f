//! The backend that takes the secret for a login: an item that says which versions it accepts.
//!
//! It stands for the one database both Regions log in to, so it lives in one Region and is not replicated.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;

use crate::error::Error;

/// The item; its `accepted` and `digests` go together, newest first.
const ID: &str = "orders";

/// A version that may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub version_id: String,
    /// The first 16 hex digits of the value's SHA-256: what the order API tells of the value it holds.
    pub digest: String,
}

/// What the backend accepts from setSecret on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The new login beside the one in use: nobody is locked out while the new one spreads.
    AlternatingUsers,
    /// The new login alone: until it is current everywhere, whoever holds the old one is locked out.
    SingleUser,
}

impl Strategy {
    pub fn accepts(self, pending: Login, current: Login) -> Vec<Login> {
        match self {
            Self::AlternatingUsers => vec![pending, current],
            Self::SingleUser => vec![pending],
        }
    }
}

pub struct Backend {
    client: aws_sdk_dynamodb::Client,
    table: String,
}

impl Backend {
    pub fn new(table: &str, sdk: &SdkConfig) -> Self {
        Self { client: aws_sdk_dynamodb::Client::new(sdk), table: table.to_owned() }
    }

    /// What it accepts; none before it was ever told.
    pub async fn read(&self) -> Result<Option<Vec<Login>>, Error> {
        let get = self.client.get_item().table_name(&self.table).key("id", AttributeValue::S(ID.to_owned()));
        let answer = get.consistent_read(true).send().await;
        let answer = answer.map_err(|error| Error::of("reading the backend", &error))?;
        let Some(item) = answer.item else { return Ok(None) };
        let texts = |name: &str| -> Vec<String> {
            let list = item.get(name).and_then(|value| value.as_l().ok()).map(Vec::as_slice).unwrap_or_default();
            list.iter().filter_map(|text| text.as_s().ok().cloned()).collect()
        };
        let pairs = texts("accepted").into_iter().zip(texts("digests"));
        Ok(Some(pairs.map(|(version_id, digest)| Login { version_id, digest }).collect()))
    }

    /// Replaces what it accepts, unless another rotation did meanwhile.
    pub async fn write(&self, logins: &[Login], before: Option<&[Login]>) -> Result<(), Error> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("id", AttributeValue::S(ID.to_owned()))
            .item("accepted", ids(logins))
            .item("digests", list(logins.iter().map(|login| &login.digest)));
        let put = match before {
            None => put.condition_expression("attribute_not_exists(id)"),
            Some(before) => {
                put.condition_expression("accepted = :before").expression_attribute_values(":before", ids(before))
            }
        };
        put.send().await.map(|_| ()).map_err(|error| Error::of("telling the backend", &error))
    }
}

fn ids(logins: &[Login]) -> AttributeValue {
    list(logins.iter().map(|login| &login.version_id))
}

fn list<'a>(texts: impl Iterator<Item = &'a String>) -> AttributeValue {
    AttributeValue::L(texts.map(|text| AttributeValue::S(text.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_alternating_users_keep_the_login_in_use() {
        let login = |id: &str| Login { version_id: id.to_owned(), digest: String::new() };
        let both = Strategy::AlternatingUsers.accepts(login("new"), login("old"));
        assert_eq!(both, [login("new"), login("old")]);
        assert_eq!(Strategy::SingleUser.accepts(login("new"), login("old")), [login("new")]);
    }
}
