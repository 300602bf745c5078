//! The kind over one real cluster, and what a repository of it declares.

use anyhow::{Result, ensure};
use groundplan::aws::{Aws, AwsSettings};
use groundplan::kinds::workload::WorkloadKind;
use groundplan::problem::Problems;
use groundplan::repo::{CommitId, Snapshot};
use groundplan::unit::{
    Change, Declared, Difference, Inputs, Kind, KindError, Look, Moved, Owner, Planned, Progress, ReadSettings, Reading,
};
use groundplan::yaml;
use infra_tests::sandbox::{Api, Parts, Sandbox};

pub(crate) const UNIT: &str = "clusters/prod/shop";

pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) kind: WorkloadKind,
}

impl Bench {
    pub(crate) async fn start() -> Result<Self> {
        let sandbox = Sandbox::start(Parts::CLUSTER).await?;
        let kind = WorkloadKind::new(Aws::new(AwsSettings::default()), Some(sandbox.cluster().kubeconfig()));
        Ok(Self { sandbox, kind })
    }

    /// The same cluster, known to a process that knows nothing else.
    pub(crate) fn restarted(self) -> Self {
        let kind = WorkloadKind::new(Aws::new(AwsSettings::default()), Some(self.sandbox.cluster().kubeconfig()));
        Self { kind, ..self }
    }

    pub(crate) fn api(&self) -> &Api {
        self.sandbox.cluster().api()
    }

    pub(crate) fn read(&self, manifests: &str) -> Result<Reading> {
        self.read_files(&[
            ("clusters/prod/shop/workload.yaml", "values: {TIER: gold, N: 1}\nnamespace: shop\ntimeout: 60s\n"),
            ("clusters/prod/shop/all.yaml", manifests),
        ])
    }

    /// A repository of these files in which folders were renamed.
    pub(crate) fn read_moved(&self, files: &[(&str, &str)], moved: &str) -> Result<Reading> {
        let node =
            yaml::parse_one("groundplan.yaml", moved.as_bytes()).map_err(|found| anyhow::anyhow!("{found:?}"))?;
        let moved =
            node.items().iter().map(|item| yaml::read::<Moved>(item).map_err(|found| anyhow::anyhow!("{found:?}")));
        let settings = ReadSettings {
            repository: "bench".into(),
            moved: moved.collect::<Result<_>>()?,
            ..ReadSettings::default()
        };
        let cluster = [("clusters/prod/cluster.yaml", "kubeconfig: {context: sandbox}\n")];
        let snapshot = Snapshot::of_files(CommitId::new("c0ffee"), cluster.iter().chain(files).copied());
        let mut problems = Problems::default();
        let reading = self.kind.read(&snapshot, &settings, &mut problems);
        ensure!(problems.errors.is_empty(), "{:?}", problems.errors);
        Ok(reading)
    }

    /// A repository of these files and one cluster, which has nothing wrong with it.
    pub(crate) fn read_files(&self, files: &[(impl AsRef<str>, impl AsRef<str>)]) -> Result<Reading> {
        let (reading, problems) = self.read_with_problems(files);
        ensure!(problems.errors.is_empty(), "{:?}", problems.errors);
        Ok(reading)
    }

    pub(crate) fn read_with_problems(&self, files: &[(impl AsRef<str>, impl AsRef<str>)]) -> (Reading, Problems) {
        let cluster = [("clusters/prod/cluster.yaml".to_owned(), "kubeconfig: {context: sandbox}\n".to_owned())];
        let files = files.iter().map(|(path, text)| (path.as_ref().to_owned(), text.as_ref().to_owned()));
        let snapshot = Snapshot::of_files(CommitId::new("c0ffee"), cluster.into_iter().chain(files));
        let mut problems = Problems::default();
        let settings = ReadSettings { repository: "bench".into(), ..ReadSettings::default() };
        let reading = self.kind.read(&snapshot, &settings, &mut problems);
        (reading, problems)
    }

    pub(crate) async fn plan(&self, manifests: &str) -> Result<Planned> {
        Ok(plan(&self.read(manifests)?.units[0]).await?)
    }

    pub(crate) async fn apply(&self, manifests: &str) -> Result<Change> {
        Ok(apply(&self.read(manifests)?.units[0]).await?)
    }

    pub(crate) fn requests(&self) -> Result<usize> {
        Ok(self.sandbox.cluster().requests()?.len())
    }
}

pub(crate) async fn plan(unit: &Declared) -> Result<Planned, KindError> {
    Ok(unit.unit.prepare(&Inputs::default(), Look::Close).await?.planned)
}

/// Plans and does what was planned.
pub(crate) async fn apply(unit: &Declared) -> Result<Change, KindError> {
    let prepared = unit.unit.prepare(&Inputs::default(), Look::Close).await?;
    let owner = Owner { unit: unit.id.clone(), commit: CommitId::new("c0ffee") };
    if let Some(deed) = prepared.deed {
        deed.perform(&owner, &Progress::silent()).await?;
    }
    Ok(prepared.planned.change)
}

pub(crate) fn paths(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(|found| format!("{} {}", found.item, found.path)).collect()
}
