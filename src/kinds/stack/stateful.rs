//! Which resources hold data that a deletion would take along.

/// The types whose contents no other resource can bring back.
const TYPES: &[&str] = &[
    "AWS::Backup::BackupVault",
    "AWS::Cassandra::Table",
    "AWS::Cognito::IdentityPool",
    "AWS::Cognito::UserPool",
    "AWS::DocDB::DBCluster",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Volume",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Elasticsearch::Domain",
    "AWS::FSx::FileSystem",
    "AWS::KMS::Key",
    "AWS::KMS::ReplicaKey",
    "AWS::Kinesis::Stream",
    "AWS::Logs::LogGroup",
    "AWS::MSK::Cluster",
    "AWS::Neptune::DBCluster",
    "AWS::OpenSearchServerless::Collection",
    "AWS::OpenSearchService::Domain",
    "AWS::QLDB::Ledger",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RDS::GlobalCluster",
    "AWS::Redshift::Cluster",
    "AWS::Route53::HostedZone",
    "AWS::S3::Bucket",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::Secret",
    "AWS::Timestream::Table",
];

/// Why a resource must not go without a word, where it holds data.
pub(super) fn guard(logical_id: &str, r#type: &str) -> Option<String> {
    is_stateful(r#type).then(|| format!("it holds `{logical_id}` ({type}), whose data goes with it"))
}

pub(super) fn is_stateful(r#type: &str) -> bool {
    TYPES.contains(&r#type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_data_is_named_and_what_can_be_made_again_is_not() {
        for r#type in ["AWS::DynamoDB::Table", "AWS::RDS::DBInstance", "AWS::S3::Bucket", "AWS::KMS::Key"] {
            assert!(guard("Data", r#type).is_some_and(|guard| guard.contains("Data") && guard.contains(r#type)));
        }
        assert_eq!(guard("Vpc", "AWS::EC2::VPC"), None);
        assert!(TYPES.is_sorted());
    }
}
