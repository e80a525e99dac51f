//! Whom S3 acts as: the role of the replication configuration, which IAM and the key policies decide about.
//!
//! Source: S3 user guide, "Setting up permissions for live replication" and "Replicating encrypted objects".

use std::sync::Arc;

use super::standing::Failure;
use crate::Cloud;
use crate::gateway::{Call, Principal};
use crate::region::Region;
use crate::services::s3::object;
use crate::services::s3::state::{Encryption, Object, arn};
use crate::wire::AwsError;

const S3: &str = "s3.amazonaws.com";

/// The role, assumed, between two buckets.
pub struct Role<'a> {
    cloud: &'a Arc<Cloud>,
    principal: Principal,
    source: &'a str,
    destination: &'a str,
}

impl<'a> Role<'a> {
    /// Assumes the role and looks at the configuration that names it.
    pub fn assume(cloud: &'a Arc<Cloud>, role: &str, source: &'a str, destination: &'a str) -> Result<Self, Failure> {
        if !cloud.iam.can_assume(role, S3) {
            return Err(Failure::AssumeRoleNotPermitted);
        }
        let role = Self { cloud, principal: Principal::Role(role.to_owned()), source, destination };
        role.on_source("s3:GetReplicationConfiguration", "", Failure::SrcBucketReplicationConfigMissing)?;
        Ok(role)
    }

    /// Delete markers take the permission to list, "for accessing delete markers".
    pub fn check_marker(&self, key: &str) -> Result<(), Failure> {
        self.on_source("s3:ListBucket", "", Failure::SrcGetObjectNotPermitted)?;
        self.on_destination("s3:ReplicateDelete", key, Failure::DstDelObjNotPermitted)
    }

    /// What an object takes but for its keys. `GetObjectVersion` does for objects without a KMS key.
    pub fn check_object(&self, key: &str, object: &Object) -> Result<(), Failure> {
        let refused = Failure::SrcGetObjectNotPermitted;
        let read = self.on_source("s3:GetObjectVersionForReplication", key, refused);
        match object.encryption {
            Encryption::Kms(_) => read?,
            Encryption::S3 => read.or_else(|_| self.on_source("s3:GetObjectVersion", key, refused))?,
        }
        self.on_source("s3:GetObjectVersionAcl", key, Failure::SrcGetAclNotPermitted)?;
        self.on_destination("s3:ReplicateObject", key, Failure::DstPutObjectNotPermitted)
    }

    /// What tags take. "Permissions for `ReplicateObject` also allow replication of object tags."
    pub fn check_tags(&self, key: &str) -> Result<(), Failure> {
        self.on_source("s3:GetObjectVersionTagging", key, Failure::SrcGetTaggingNotPermitted)?;
        let refused = Failure::DstPutTaggingNotPermitted;
        self.on_destination("s3:ReplicateTags", key, refused)
            .or_else(|_| self.on_destination("s3:ReplicateObject", key, refused))
    }

    /// Fails unless the source's key works and the role may decrypt with it.
    pub fn open(&self, region: Region, key: &str) -> Result<(), Failure> {
        match object::unlock(&self.call(region), "kms:Decrypt", key) {
            Ok(_) => Ok(()),
            Err(error) if error.code == "AccessDenied" => Err(Failure::SrcGetObjectNotPermitted),
            Err(_) => Err(Failure::SrcKmsKeyInvalidState),
        }
    }

    /// The ARN of the destination's key, if it works and the role may encrypt with it.
    pub fn seal(&self, region: Region, key: &str) -> Result<String, Failure> {
        object::unlock(&self.call(region), "kms:Encrypt", key).map_err(|AwsError { code, .. }| match code.as_str() {
            "AccessDenied" => Failure::DstPutObjectNotPermitted,
            "KMS.NotFoundException" => Failure::DstKmsKeyNotFound,
            _ => Failure::DstKmsKeyInvalidState,
        })
    }

    fn on_source(&self, action: &str, key: &str, refused: Failure) -> Result<(), Failure> {
        self.check(action, &arn(self.source, key), refused)
    }

    fn on_destination(&self, action: &str, key: &str, refused: Failure) -> Result<(), Failure> {
        self.check(action, &arn(self.destination, key), refused)
    }

    fn check(&self, action: &str, resource: &str, refused: Failure) -> Result<(), Failure> {
        if self.cloud.iam.allows(&self.principal, action, resource) { Ok(()) } else { Err(refused) }
    }

    fn call(&self, region: Region) -> Call {
        let (cloud, principal) = (Arc::clone(self.cloud), self.principal.clone());
        Call { cloud, region, principal, request_id: String::new() }
    }
}
