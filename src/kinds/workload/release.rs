//! What a chart is rendered from: its files, its values, and the patches of what it rendered.

use serde_json::json;

use super::chart::Elsewhere;
use super::gathered::{Gathered, join};
use super::program::{Programs, Tool};
use super::rendering::{Rendering, Step, cache};
use super::spec::ChartSpec;
use crate::problem::{Place, Problem};
use crate::repo::Snapshot;
use crate::yaml::{self, Node};

/// What the chart rendered, beside its patches.
const RENDERED: &str = ".rendered.yaml";
/// Which of `helm template`'s words is the chart.
pub(super) const CHART: usize = 2;

/// Reads what a chart is rendered from.
pub(super) struct ChartReader<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) programs: &'a Programs,
    pub(super) folder: &'a str,
    pub(super) namespace: &'a str,
}

impl ChartReader<'_> {
    pub(super) fn read(&self, chart: &ChartSpec, node: Option<&Node>) -> Result<Rendering, Problem> {
        let mut files = Gathered::default();
        let elsewhere = node.map(|node| Elsewhere::of(chart, node)).transpose()?.flatten();
        let (path, file) = match &elsewhere {
            Some(elsewhere) => self.fetched(elsewhere, &mut files)?,
            None => self.own(chart, &mut files)?,
        };
        let release =
            chart.release.clone().unwrap_or_else(|| self.folder.rsplit('/').next().unwrap_or(self.folder).to_owned());
        let mut arguments: Vec<String> =
            ["template", &release, &path, "--namespace", self.namespace, "--include-crds"].map(str::to_owned).to_vec();
        arguments.push("--skip-tests".into());
        for name in &chart.value_files {
            let path = self.inside(name)?;
            let missing = || Problem::new(self.at(), format!("there is no `{path}` in the repository"));
            files.add(self.programs, &path, self.snapshot.file(&path).ok_or_else(missing)?)?;
            arguments.extend(["--values".into(), path]);
        }
        if let Some(values) = node.and_then(|node| node.get("values")) {
            let path = format!("{}/.values-of-workload.json", self.folder);
            files.bytes.insert(path.clone(), yaml::kubernetes(values)?.to_string().into_bytes());
            arguments.extend(["--values".into(), path]);
        }
        let rendering = Rendering::new(file, Step::new(Tool::Helm, arguments, files));
        match node.and_then(|node| node.get("patches")) {
            None => Ok(rendering),
            Some(patches) => Ok(rendering.then(self.patched(patches)?)),
        }
    }

    /// A chart of this repository: its folder, and the file that errors are told of.
    fn own(&self, chart: &ChartSpec, files: &mut Gathered) -> Result<(String, String), Problem> {
        let path = self.inside(chart.path.as_deref().unwrap_or("."))?;
        let file = format!("{path}/Chart.yaml");
        if self.snapshot.file(&file).is_none() {
            return Err(Problem::new(self.at(), format!("there is no chart `{path}`: it would hold `{file}`"))
                .hint("one that stands elsewhere is named by `from`, `version` and `digest`"));
        }
        files.take(self.snapshot, self.programs, &path)?;
        Ok((path, file))
    }

    fn fetched(&self, chart: &Elsewhere, files: &mut Gathered) -> Result<(String, String), Problem> {
        let archive = chart.archive(self.programs, cache().as_deref());
        let archive = archive.map_err(|why| Problem::new(self.at(), why))?;
        let path = format!("{}/.chart-of-workload.tgz", self.folder);
        files.bytes.insert(path.clone(), archive);
        Ok((path, self.at().file))
    }

    fn inside(&self, text: &str) -> Result<String, Problem> {
        join(self.folder, text).ok_or_else(|| Problem::new(self.at(), format!("`{text}` lies outside the repository")))
    }

    fn at(&self) -> Place {
        Place::file(format!("{}/workload.yaml", self.folder))
    }

    /// Changes to what the chart rendered, in the words of kustomize and made by it.
    fn patched(&self, patches: &Node) -> Result<Step, Problem> {
        let (mut files, folder) = (Gathered::default(), self.folder);
        for patch in patches.items() {
            if let Some(node) = patch.get("path") {
                let path = self.inside(node.text().unwrap_or_default())?;
                let missing = || node.problem(format!("there is no `{path}` in the repository"));
                files.add(self.programs, &path, self.snapshot.file(&path).ok_or_else(missing)?)?;
            }
        }
        let kustomization = json!({"resources": [RENDERED], "patches": yaml::kubernetes(patches)?});
        files.bytes.insert(format!("{folder}/kustomization.yaml"), kustomization.to_string().into_bytes());
        let arguments = vec!["build".to_owned(), folder.to_owned()];
        Ok(Step::new(Tool::Kustomize, arguments, files).taking(format!("{folder}/{RENDERED}")))
    }
}
