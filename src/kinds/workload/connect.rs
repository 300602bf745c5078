//! From what `cluster.yaml` says to an open way to that cluster.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_eks::error::DisplayErrorContext;
use aws_sdk_eks::types::{Cluster as EksCluster, ClusterStatus};
use base64::Engine;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::sync::Mutex;

use super::cluster::Cluster;
use super::server::{Ask, Server};
use super::tokens::Tokens;
use super::wire::client;
use crate::aws::{Aws, Session};
use crate::unit::{Inputs, KindError, OutputName, Progress};

/// A way is looked up again after this, because a cluster may have been made anew under its name.
const MAX_AGE: Duration = Duration::from_secs(300);
/// EKS makes a cluster in ten to fifteen minutes.
const CREATION: Duration = Duration::from_secs(30 * 60);

/// Which cluster is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Where {
    /// The EKS cluster whose name is a stack's output.
    Output {
        name: OutputName,
        account: String,
        region: String,
    },
    Eks {
        name: String,
        account: String,
        region: String,
    },
    Kubeconfig {
        context: String,
        /// Of its namespace `kube-system`, where the repository says which cluster must answer.
        uid: Option<String>,
    },
}

impl Where {
    /// The account and region it stands in; none where only the operator's file knows.
    pub(super) fn site(&self) -> Option<(String, String)> {
        match self {
            Where::Output { account, region, .. } | Where::Eks { account, region, .. } => {
                Some((account.clone(), region.clone()))
            }
            Where::Kubeconfig { .. } => None,
        }
    }
}

/// What was found where a cluster should be.
pub(super) enum Reached {
    There(Arc<Cluster>),
    /// It does not exist, or not yet.
    NotThere,
    /// EKS is making it.
    BeingMade,
}

/// Every cluster of this process, each opened when first asked for.
pub(super) struct Clusters {
    aws: Aws,
    kubeconfig: Option<PathBuf>,
    open: Mutex<HashMap<String, (Instant, Arc<Cluster>)>>,
}

impl Clusters {
    pub(super) fn new(aws: Aws, kubeconfig: Option<PathBuf>) -> Self {
        Self { aws, kubeconfig, open: Mutex::default() }
    }

    pub(super) fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Opens the way to a cluster, or finds that there is none yet.
    pub(super) async fn reach(&self, place: &Where, inputs: &Inputs) -> Result<Reached, KindError> {
        let key = key_of(place, inputs)?;
        // The lock is held while opening: two workloads that ask at once share one answer.
        let mut open = self.open.lock().await;
        if let Some((opened, cluster)) = open.get(&key)
            && opened.elapsed() < MAX_AGE
        {
            return Ok(Reached::There(cluster.clone()));
        }
        open.remove(&key);
        let reached = match place {
            Where::Kubeconfig { context, uid } => {
                let cluster = self.by_context(context).await?;
                refuse_another(&cluster, uid.as_deref()).await?;
                Reached::There(Arc::new(cluster))
            }
            Where::Eks { name, account, region } => self.by_name(name, account, region).await?,
            Where::Output { name, account, region } => {
                self.by_name(cluster_name(name, inputs)?, account, region).await?
            }
        };
        if let Reached::There(cluster) = &reached {
            open.insert(key, (Instant::now(), cluster.clone()));
        }
        Ok(reached)
    }

    /// Waits, within bounds, until the cluster is there.
    pub(super) async fn await_cluster(
        &self,
        place: &Where,
        inputs: &Inputs,
        progress: &Progress,
    ) -> Result<Arc<Cluster>, KindError> {
        let begun = Instant::now();
        loop {
            match self.reach(place, inputs).await? {
                Reached::There(cluster) => return Ok(cluster),
                Reached::NotThere => {
                    return Err(KindError::failed(format!("{} does not exist", told(place, inputs)))
                        .hint("create it first, or name the stack that makes it in cluster.yaml"));
                }
                Reached::BeingMade if begun.elapsed() < CREATION => {
                    progress.say(format!("waiting until {} is created", told(place, inputs)));
                    tokio::time::sleep(Duration::from_secs(10)).await;
                }
                Reached::BeingMade => {
                    return Err(KindError::failed(format!("{} is still being created", told(place, inputs))));
                }
            }
        }
    }

    /// Makes the next look open the way anew.
    pub(super) async fn forget(&self, place: &Where, inputs: &Inputs) {
        if let Ok(key) = key_of(place, inputs) {
            self.open.lock().await.remove(&key);
        }
    }

    async fn by_name(&self, name: &str, account: &str, region: &str) -> Result<Reached, KindError> {
        let session = self.aws.cluster_session(account, region, name).await?;
        let Some(found) = describe(&session, name).await? else { return Ok(Reached::NotThere) };
        match found.status() {
            Some(ClusterStatus::Active | ClusterStatus::Updating) => {
                Ok(Reached::There(Arc::new(open_eks(session, name, &found)?)))
            }
            Some(ClusterStatus::Creating | ClusterStatus::Pending) => Ok(Reached::BeingMade),
            Some(ClusterStatus::Deleting) => Ok(Reached::NotThere),
            Some(ClusterStatus::Failed) => {
                Err(KindError::failed(format!("cluster `{name}` could not be created: EKS calls it failed")))
            }
            other => Err(KindError::refused(format!("cluster `{name}` is in an unknown status: {other:?}"))),
        }
    }

    async fn by_context(&self, context: &str) -> Result<Cluster, KindError> {
        let path = self.kubeconfig.as_ref().ok_or_else(|| {
            KindError::failed(format!("context `{context}` needs a kubeconfig, and none was given"))
                .hint("name the file with `--kubeconfig` or in KUBECONFIG")
        })?;
        let failed = |why: String| KindError::failed(format!("context `{context}` of {}: {why}", path.display()));
        let config = Kubeconfig::read_from(path).map_err(|error| failed(error.to_string()))?;
        refuse_programs(&config, context).map_err(failed)?;
        let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
        let config =
            kube::Config::from_custom_kubeconfig(config, &options).await.map_err(|error| failed(error.to_string()))?;
        let name = format!("context `{context}` ({})", config.cluster_url);
        Ok(Cluster::new(Server::new(client(&config)?, &name, None)))
    }
}

/// A context is only a name in somebody's file: where the repository says which cluster it means, no other is asked.
async fn refuse_another(cluster: &Cluster, uid: Option<&str>) -> Result<(), KindError> {
    let Some(wanted) = uid else { return Ok(()) };
    let text = cluster.server.expect(&Ask::get("/api/v1/namespaces/kube-system"), "cannot read its identity").await?;
    let found: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    match found["metadata"]["uid"].as_str() {
        Some(uid) if uid == wanted => Ok(()),
        found => Err(KindError::refused(format!(
            "{} is another cluster: its `kube-system` has the uid {}, and cluster.yaml says {wanted}",
            cluster.server.name,
            found.unwrap_or("of nothing")
        ))
        .hint("point the context at the right cluster, or write the new uid where it was made anew")),
    }
}

/// A context is refused whose credentials come out of a program: what runs there is not ours to start.
fn refuse_programs(config: &Kubeconfig, context: &str) -> Result<(), String> {
    let known = || config.contexts.iter().map(|found| found.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = config.contexts.iter().find(|found| found.name == context).and_then(|found| found.context.as_ref());
    let found = found.ok_or_else(|| format!("there is no such context, only: {}", known()))?;
    let user = config.auth_infos.iter().find(|info| Some(&info.name) == found.user.as_ref());
    let user = user.and_then(|info| info.auth_info.as_ref());
    match user.is_some_and(|user| user.exec.is_some() || user.auth_provider.is_some()) {
        true => Err("its user runs a program (`exec` or `auth-provider`), which is not done here: \
                     write a client certificate or a token, or name an EKS cluster in cluster.yaml"
            .into()),
        false => Ok(()),
    }
}

async fn describe(session: &Session, name: &str) -> Result<Option<EksCluster>, KindError> {
    let eks = aws_sdk_eks::Client::new(session.for_reading());
    match eks.describe_cluster().name(name).send().await {
        Ok(answer) => Ok(answer.cluster),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => Ok(None),
        Err(error) => {
            let deed = format!("cannot describe cluster `{name}` in {}/{}", session.account, session.region);
            let message = format!("{deed}: {}", DisplayErrorContext(&error));
            Err(match error.as_service_error() {
                Some(_) => KindError::failed(message),
                None => KindError::unreachable(message),
            })
        }
    }
}

fn open_eks(session: Session, name: &str, found: &EksCluster) -> Result<Cluster, KindError> {
    let failed = |why: &str| KindError::failed(format!("cluster `{name}` {why}"));
    let endpoint = found.endpoint().ok_or_else(|| failed("has no endpoint"))?;
    let encoded = found.certificate_authority().and_then(|authority| authority.data());
    let encoded = encoded.ok_or_else(|| failed("has no certificate authority"))?;
    let pem = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .map_err(|_| failed("has a certificate authority that is not base64"))?;
    let mut config = kube::Config::new(endpoint.parse().map_err(|_| failed("has an endpoint that is no address"))?);
    config.root_cert = Some(certificates(&pem).ok_or_else(|| failed("has a certificate authority that is no PEM"))?);
    let server =
        Server::new(client(&config)?, &format!("cluster `{name}` ({endpoint})"), Some(Tokens::new(session, name)));
    Ok(Cluster::new(server))
}

/// The DER bytes of every certificate in a PEM text.
fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let found: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem)
        .map(|found| found.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .ok()?;
    (!found.is_empty()).then_some(found)
}

fn cluster_name<'a>(output: &OutputName, inputs: &'a Inputs) -> Result<&'a str, KindError> {
    inputs
        .get(output)
        .ok_or_else(|| KindError::failed(format!("the name of the cluster, `{output}`, is not known yet")))
}

fn key_of(place: &Where, inputs: &Inputs) -> Result<String, KindError> {
    Ok(match place {
        Where::Output { name, account, region } => format!("eks/{account}/{region}/{}", cluster_name(name, inputs)?),
        Where::Eks { name, account, region } => format!("eks/{account}/{region}/{name}"),
        Where::Kubeconfig { context, uid } => format!("context/{context}/{}", uid.as_deref().unwrap_or_default()),
    })
}

fn told(place: &Where, inputs: &Inputs) -> String {
    match place {
        Where::Output { name, .. } => format!("cluster `{}`", inputs.get(name).unwrap_or(&name.to_string())),
        Where::Eks { name, .. } => format!("cluster `{name}`"),
        Where::Kubeconfig { context, .. } => format!("the cluster of context `{context}`"),
    }
}
