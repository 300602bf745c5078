//! What each program of a cluster is started with. Paths are relative to the cluster's folder.

use std::path::PathBuf;

/// The ports and options that differ from one cluster to the next.
pub(super) struct Wiring {
    pub(super) port: u16,
    pub(super) etcd: u16,
    pub(super) etcd_peer: u16,
    /// The kubeconfig of a token webhook, for an EKS cluster.
    pub(super) webhook: Option<PathBuf>,
    pub(super) api_server_options: Vec<String>,
}

impl Wiring {
    pub(super) fn etcd(&self) -> Vec<String> {
        let (client, peer) = (url("http", self.etcd), url("http", self.etcd_peer));
        vec![
            "--data-dir=etcd".into(),
            "--unsafe-no-fsync".into(),
            "--log-level=error".into(),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
        ]
    }

    pub(super) fn api_server(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--etcd-servers={}", url("http", self.etcd)),
            "--bind-address=127.0.0.1".into(),
            "--advertise-address=127.0.0.1".into(),
            "--endpoint-reconciler-type=none".into(),
            format!("--secure-port={}", self.port),
            "--tls-cert-file=pki/api.crt".into(),
            "--tls-private-key-file=pki/api.key".into(),
            "--client-ca-file=pki/ca.crt".into(),
            "--service-account-key-file=pki/accounts.pub".into(),
            "--service-account-signing-key-file=pki/accounts.key".into(),
            format!("--service-account-issuer={}", url("https", self.port)),
            "--service-cluster-ip-range=10.100.0.0/16".into(),
            "--authorization-mode=RBAC".into(),
            "--allow-privileged".into(),
            "--audit-policy-file=audit-policy.yaml".into(),
            "--audit-log-path=audit.log".into(),
            // Written before the answer is sent, so that whoever counts requests misses none.
            "--audit-log-mode=blocking".into(),
            // Megabytes; a log that begins anew in the middle of a test cannot be counted.
            "--audit-log-maxsize=10000".into(),
        ];
        if let Some(webhook) = &self.webhook {
            arguments.push(format!("--authentication-token-webhook-config-file={}", webhook.display()));
            arguments.push("--authentication-token-webhook-version=v1".into());
            arguments.push("--authentication-token-webhook-cache-ttl=5s".into());
        }
        arguments.extend(self.api_server_options.iter().map(|option| format!("--{option}")));
        arguments
    }
}

pub(super) fn controller_manager() -> Vec<String> {
    [
        "--kubeconfig=kubeconfig",
        "--leader-elect=false",
        "--secure-port=0",
        "--service-account-private-key-file=pki/accounts.key",
        "--root-ca-file=pki/ca.crt",
        "--concurrent-deployment-syncs=10",
        // Twenty requests a second, the default, make a thousand objects a matter of minutes.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]
    .map(String::from)
    .to_vec()
}

pub(super) fn scheduler() -> Vec<String> {
    ["--kubeconfig=kubeconfig", "--leader-elect=false", "--secure-port=0"].map(String::from).to_vec()
}

pub(super) fn kwok() -> Vec<String> {
    ["--kubeconfig=kubeconfig", "--config=stages.yaml", "--manage-all-nodes", "--node-lease-duration-seconds=40"]
        .map(String::from)
        .to_vec()
}

pub(super) fn url(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}
