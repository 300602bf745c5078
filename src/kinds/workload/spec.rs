//! What an author writes: `cluster.yaml` and `workload.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// `clusters/NAME/cluster.yaml`: which cluster the workloads beside this file live in.
///
/// Exactly one of `eks` and `kubeconfig` is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterSpec {
    pub eks: Option<EksSpec>,
    pub kubeconfig: Option<KubeconfigSpec>,
}

/// An EKS cluster: `stack` and `output`, or `name`, `account` and `region`.
///
/// The account and region of a cluster named by a stack's output are those in that stack's path;
/// they are written only where the stack stands outside the repository.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EksSpec {
    /// The stack that makes the cluster, by its id or the shortest tail of it: `platform/cluster`.
    pub stack: Option<String>,
    /// The stack's output that holds the cluster's name.
    pub output: Option<String>,
    /// The cluster's name.
    pub name: Option<String>,
    /// Twelve digits, in quotes.
    pub account: Option<String>,
    pub region: Option<String>,
}

/// A context of the operator's kubeconfig. The file itself is never part of the repository.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KubeconfigSpec {
    pub context: String,
    /// The uid of that cluster's namespace `kube-system`. Where another cluster answers, it is left alone.
    pub uid: Option<String>,
}

/// `workload.yaml`: what its manifests cannot say.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    /// Units that must be there first, each by its id or the shortest tail of it.
    #[schemars(with = "Vec<String>")]
    pub depends_on: Vec<IgnoredAny>,
    /// The values of `${NAME}` in the manifests.
    #[schemars(with = "BTreeMap<String, ValueSpec>")]
    pub values: BTreeMap<String, IgnoredAny>,
    /// Whether an object that is no longer declared is deleted; `true` where not written.
    pub prune: Option<bool>,
    /// How long to wait until everything is ready, as `5m`; five minutes where not written.
    pub timeout: Option<String>,
    /// The namespace of objects that name none; `default` where not written.
    pub namespace: Option<String>,
    /// Fields that are declared and left to somebody else: what stands in the cluster is no drift, and stays.
    pub leave: Vec<LeaveSpec>,
    /// What becomes of a field that is declared here and held by somebody else; `take` where not written.
    pub conflicts: Option<ConflictSpec>,
    /// The service account that the objects are applied as: `NAME`, of the workload's namespace, or `NAMESPACE/NAME`.
    pub service_account: Option<String>,
    /// When objects of a kind are ready, where the kind itself does not say it as others do.
    pub health: Vec<HealthSpec>,
    /// A Helm chart, of this repository or from elsewhere, rendered by `helm template`.
    pub chart: Option<ChartSpec>,
}

/// When objects of one kind are ready, in CEL over their fields: `status.phase == 'Ready'`.
///
/// `inProgress` is asked first, then `failed`, then `current`; where none is true, it is waited for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HealthSpec {
    pub api_version: String,
    pub kind: String,
    /// True of an object that is ready.
    pub current: String,
    /// True of an object that will not become ready by waiting.
    pub failed: Option<String>,
    /// True of an object that is on its way, whatever else it says.
    pub in_progress: Option<String>,
}

/// One field, or the same field of many objects.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LeaveSpec {
    /// As differences write it: `spec.replicas`, `spec.template.spec.containers[name=web].image`.
    pub path: String,
    /// Of objects of this kind; of all where not written.
    pub kind: Option<String>,
    /// Of the object of this name; of all where not written.
    pub name: Option<String>,
    /// While this field manager holds it; whoever holds it where not written.
    pub manager: Option<String>,
}

/// What becomes of a field that somebody else holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConflictSpec {
    /// The plan names it and who holds it, and a sync takes it back.
    #[default]
    Take,
    /// The workload fails before anything of it is changed, naming the field and who holds it.
    Refuse,
}

/// A chart and its values. `${NAME}` is filled in afterwards, in what the chart made.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ChartSpec {
    /// The chart's folder, relative to this one; this folder itself where neither it nor `from` is written.
    pub path: Option<String>,
    /// Where a chart from elsewhere stands: `oci://registry.example.com/acme/charts/shop` or `https://charts.acme.io`.
    pub from: Option<String>,
    /// Its name in a chart repository over HTTP.
    pub name: Option<String>,
    /// Its exact version.
    pub version: Option<String>,
    /// `sha256:…`: in a registry of its manifest, as `helm pull` prints it; in a chart repository of the archive, as
    /// index.yaml says it. Fetched once; what has another digest is refused.
    pub digest: Option<String>,
    /// The name of the release; the folder's name where not written.
    pub release: Option<String>,
    /// Files of values, relative to this folder, the later ones winning.
    pub value_files: Vec<String>,
    /// Values, winning over all files.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub values: BTreeMap<String, IgnoredAny>,
    /// Changes to what the chart rendered, for what no value of it reaches; made by kustomize.
    pub patches: Vec<PatchSpec>,
}

/// One patch, in the words of kustomize: a file of its own by `path`, or its text as `patch`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PatchSpec {
    /// The file, relative to this folder.
    pub path: Option<String>,
    /// A part of an object, or a list of JSON patches.
    pub patch: Option<String>,
    /// Which objects; those that the patch itself names where not written.
    pub target: Option<BTreeMap<String, String>>,
}

/// One value: a text, another unit's output, or a parameter of the AWS parameter store.
///
/// Only the schema is made from it. The values themselves are read node by node, because each
/// needs its place and its text as written: `1.30` is no number.
#[derive(Clone, Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "stands for the schema only")]
pub(super) enum ValueSpec {
    Text(Plain),
    /// `{output: data/db.Endpoint}`
    Output {
        output: String,
    },
    /// `{ssm: /shared/region}`; `at: 111122223333/eu-west-1` where the cluster's own account and region are not meant.
    /// A SecureString may only stand in the values of a Secret.
    Ssm {
        ssm: String,
        #[serde(default)]
        at: Option<String>,
    },
}

/// A scalar, taken as it is written.
#[derive(Clone, Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "stands for the schema only")]
pub(super) enum Plain {
    Text(String),
    Number(f64),
    Truth(bool),
}
