//! What templates may say about buckets.

use crate::formation::{Kind, Property, Spec};

/// Properties that would change what a bucket does and that the twin has no model of: naming one is an error.
pub(super) const NOT_MODELLED: &[&str] = &[
    "AccelerateConfiguration",
    "AnalyticsConfigurations",
    "IntelligentTieringConfigurations",
    "InventoryConfigurations",
    "MetadataConfiguration",
    "MetadataTableConfiguration",
    "NotificationConfiguration",
    "ObjectLockConfiguration",
    "WebsiteConfiguration",
];

const fn text(name: &'static str) -> Property {
    Property::new(name, Kind::Text)
}

const fn flag(name: &'static str) -> Property {
    Property::new(name, Kind::Boolean)
}

const fn number(name: &'static str) -> Property {
    Property::new(name, Kind::Integer)
}

const fn any(name: &'static str) -> Property {
    Property::new(name, Kind::Any)
}

const fn status() -> Property {
    text("Status").required()
}

const TAG: Kind = Kind::Object(&[text("Key").required(), text("Value").required()]);
const WITH_STATUS: Kind = Kind::Object(&[status()]);
const MINUTES: Kind = Kind::Object(&[number("Minutes").required()]);

const DESTINATION: Kind = Kind::Object(&[
    Property::new("AccessControlTranslation", Kind::Object(&[text("Owner").required()])),
    text("Account"),
    text("Bucket").required(),
    Property::new("EncryptionConfiguration", Kind::Object(&[text("ReplicaKmsKeyID").required()])),
    Property::new("Metrics", Kind::Object(&[Property::new("EventThreshold", MINUTES), status()])),
    Property::new("ReplicationTime", Kind::Object(&[status(), Property::new("Time", MINUTES).required()])),
    text("StorageClass"),
]);

const REPLICATION_FILTER: Kind = Kind::Object(&[
    Property::new("And", Kind::Object(&[text("Prefix"), Property::new("TagFilters", Kind::List(&TAG))])),
    text("Prefix"),
    Property::new("TagFilter", TAG),
]);

const REPLICATION_RULE: Kind = Kind::Object(&[
    Property::new("DeleteMarkerReplication", Kind::Object(&[text("Status")])),
    Property::new("Destination", DESTINATION).required(),
    Property::new("Filter", REPLICATION_FILTER),
    text("Id"),
    text("Prefix"),
    number("Priority"),
    Property::new(
        "SourceSelectionCriteria",
        Kind::Object(&[
            Property::new("ReplicaModifications", WITH_STATUS),
            Property::new("SseKmsEncryptedObjects", WITH_STATUS),
        ]),
    ),
    status(),
]);

const TRANSITION: Kind =
    Kind::Object(&[text("StorageClass").required(), text("TransitionDate"), number("TransitionInDays")]);

const LATER_TRANSITION: Kind = Kind::Object(&[
    number("NewerNoncurrentVersions"),
    text("StorageClass").required(),
    number("TransitionInDays").required(),
]);

const LIFECYCLE_RULE: Kind = Kind::Object(&[
    Property::new("AbortIncompleteMultipartUpload", Kind::Object(&[number("DaysAfterInitiation").required()])),
    text("ExpirationDate"),
    number("ExpirationInDays"),
    flag("ExpiredObjectDeleteMarker"),
    text("Id"),
    Property::new(
        "NoncurrentVersionExpiration",
        Kind::Object(&[number("NewerNoncurrentVersions"), number("NoncurrentDays").required()]),
    ),
    number("NoncurrentVersionExpirationInDays"),
    Property::new("NoncurrentVersionTransition", LATER_TRANSITION),
    Property::new("NoncurrentVersionTransitions", Kind::List(&LATER_TRANSITION)),
    text("ObjectSizeGreaterThan"),
    text("ObjectSizeLessThan"),
    text("Prefix"),
    status(),
    Property::new("TagFilters", Kind::List(&TAG)),
    Property::new("Transition", TRANSITION),
    Property::new("Transitions", Kind::List(&TRANSITION)),
]);

const ENCRYPTION_RULE: Kind = Kind::Object(&[
    any("BlockedEncryptionTypes"),
    flag("BucketKeyEnabled"),
    Property::new(
        "ServerSideEncryptionByDefault",
        Kind::Object(&[text("KMSMasterKeyID"), text("SSEAlgorithm").required()]),
    ),
]);

pub(super) static BUCKET: Spec = Spec {
    name: "AWS::S3::Bucket",
    properties: &[
        any("AccelerateConfiguration"),
        text("AccessControl"),
        any("AnalyticsConfigurations"),
        Property::new(
            "BucketEncryption",
            Kind::Object(
                &[Property::new("ServerSideEncryptionConfiguration", Kind::List(&ENCRYPTION_RULE)).required()],
            ),
        ),
        text("BucketName").replaces(),
        // Kept in the template and without effect: no browser, access log or request metric is modelled.
        any("CorsConfiguration"),
        any("IntelligentTieringConfigurations"),
        any("InventoryConfigurations"),
        Property::new(
            "LifecycleConfiguration",
            Kind::Object(&[
                Property::new("Rules", Kind::List(&LIFECYCLE_RULE)).required(),
                text("TransitionDefaultMinimumObjectSize"),
            ]),
        ),
        any("LoggingConfiguration"),
        any("MetadataConfiguration"),
        any("MetadataTableConfiguration"),
        any("MetricsConfigurations"),
        any("NotificationConfiguration"),
        any("ObjectLockConfiguration"),
        flag("ObjectLockEnabled").replaces(),
        Property::new(
            "OwnershipControls",
            Kind::Object(&[Property::new("Rules", Kind::List(&Kind::Object(&[text("ObjectOwnership")]))).required()]),
        ),
        Property::new(
            "PublicAccessBlockConfiguration",
            Kind::Object(&[
                flag("BlockPublicAcls"),
                flag("BlockPublicPolicy"),
                flag("IgnorePublicAcls"),
                flag("RestrictPublicBuckets"),
            ]),
        ),
        Property::new(
            "ReplicationConfiguration",
            Kind::Object(&[text("Role").required(), Property::new("Rules", Kind::List(&REPLICATION_RULE)).required()]),
        ),
        Property::new("Tags", Kind::List(&TAG)),
        Property::new("VersioningConfiguration", WITH_STATUS),
        any("WebsiteConfiguration"),
    ],
    attributes: &["Arn", "DomainName", "RegionalDomainName", "DualStackDomainName", "WebsiteURL"],
};

pub(super) static BUCKET_POLICY: Spec = Spec {
    name: "AWS::S3::BucketPolicy",
    properties: &[text("Bucket").required().replaces(), any("PolicyDocument").required()],
    attributes: &[],
};
