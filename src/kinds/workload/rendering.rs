//! Kustomizations and charts, made into plain manifests by the programs that define what they mean.
//!
//! Only what the folder holds and refers to is written out, into a folder of its own that is gone
//! afterwards. What came of the same files by the same program is kept and not made again.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::gathered::Gathered;
use super::kustomization;
use super::manifest::{Manifest, unfold_all};
use super::program::{Fault, Program, Programs, Tool};
use super::release::{CHART, ChartReader};
use super::sealed;
use super::spec::ChartSpec;
use crate::problem::{Place, Problem, Problems};
use crate::repo::Snapshot;
use crate::yaml::{self, Node};

/// What must be rendered, and from what. It has no `Debug`: it may hold what sops decrypted.
pub(super) struct Rendering {
    /// The file that says so, for errors.
    file: String,
    /// One after the other.
    steps: Vec<Step>,
}

/// One program that is run over its files.
pub(super) struct Step {
    tool: Tool,
    arguments: Vec<String>,
    files: Gathered,
    /// Where what the step before made is put.
    takes: Option<String>,
}

impl Step {
    pub(super) fn new(tool: Tool, arguments: Vec<String>, files: Gathered) -> Self {
        Self { tool, arguments, files, takes: None }
    }

    pub(super) fn taking(self, path: String) -> Self {
        Self { takes: Some(path), ..self }
    }

    /// Writes its files out, with what the step before made.
    fn laid_out(&self, before: &str, is_secret: bool) -> std::io::Result<tempfile::TempDir> {
        let folder = workplace(is_secret)?;
        let before = self.takes.as_ref().map(|path| (path, before.as_bytes()));
        for (path, bytes) in self.files.bytes.iter().map(|(path, bytes)| (path, bytes.as_slice())).chain(before) {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(&path, bytes)?;
        }
        Ok(folder)
    }
}

/// A chart as workload.yaml names it, with its node.
pub(super) type Chart<'a> = Option<(&'a ChartSpec, &'a Node)>;

/// What makes a folder's manifests, where it is not the folder itself.
pub(super) fn rendering_of(
    snapshot: &Snapshot,
    programs: &Programs,
    folder: &str,
    chart: Chart<'_>,
    namespace: &str,
) -> Option<Result<Rendering, Problem>> {
    let kustomization = kustomization::file_in(snapshot, folder);
    let own_chart = format!("{folder}/Chart.yaml");
    match (chart, kustomization) {
        (Some(_), Some(file)) => {
            Some(Err(Problem::new(Place::file(file), "a workload is a kustomization or a chart, and not both")))
        }
        (Some((chart, node)), None) => {
            Some(ChartReader { snapshot, programs, folder, namespace }.read(chart, Some(node)))
        }
        (None, _) if snapshot.entry(&own_chart).is_some() => {
            Some(ChartReader { snapshot, programs, folder, namespace }.read(&ChartSpec::default(), None))
        }
        (None, Some(file)) => Some(kustomization::of_kustomization(snapshot, programs, folder, file)),
        (None, None) => None,
    }
}

impl Rendering {
    pub(super) fn new(file: String, step: Step) -> Self {
        Self { file, steps: vec![step] }
    }

    /// Goes on with what came of it.
    pub(super) fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The manifests, from what was kept or by the program.
    pub(super) fn run(&self, programs: &Programs, problems: &mut Problems) -> Vec<Manifest> {
        match self.text(programs) {
            Ok((version, text)) => self.read(&version, &text, problems),
            Err(why) => {
                problems.error(Problem::new(Place::file(&self.file), format!("cannot render it: {why}")));
                Vec::new()
            }
        }
    }

    fn text(&self, programs: &Programs) -> Result<(String, String), String> {
        let programs: Vec<Program> =
            self.steps.iter().map(|step| programs.find(step.tool)).collect::<Result<_, _>>()?;
        let versions = versions_of(&programs);
        let is_secret = self.is_secret();
        let kept = cache().filter(|_| !is_secret).map(|folder| folder.join("render").join(self.key(&versions)));
        if let Some(text) = kept.as_ref().and_then(|path| fs::read_to_string(path).ok()) {
            return Ok((versions, text));
        }
        let mut text = String::new();
        for (step, program) in self.steps.iter().zip(&programs) {
            let folder = step.laid_out(&text, is_secret).map_err(|error| error.to_string())?;
            text = program.run(folder.path(), &step.arguments).map_err(|fault| match fault {
                Fault::Said(_) if is_secret => format!(
                    "{} refuses it; its own words are not told, because they may hold what sops decrypted",
                    program.version
                ),
                fault => fault.told(),
            })?;
        }
        if let Some(path) = kept {
            // A cache that cannot be written only costs time.
            _ = keep(&path, text.as_bytes());
        }
        Ok((versions, text))
    }

    /// What the chart of it says where nobody gives a value; none where it is no chart.
    pub(super) fn default_values(&self, programs: &Programs) -> Option<String> {
        let step = self.steps.first().filter(|step| step.tool == Tool::Helm)?;
        let folder = step.laid_out("", self.is_secret()).ok()?;
        let chart = step.arguments.get(CHART)?.clone();
        programs.find(Tool::Helm).ok()?.run(folder.path(), &["show".into(), "values".into(), chart]).ok()
    }

    /// The files of the repository that it is made of, and what was made of its other words.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|step| step.files.bytes.keys()).map(String::as_str)
    }

    /// Everything that its manifests come of; none where that may not be noted, or a program is missing.
    pub(super) fn made_of(&self, programs: &Programs) -> Option<String> {
        if self.is_secret() {
            return None;
        }
        let programs: Result<Vec<Program>, _> = self.steps.iter().map(|step| programs.find(step.tool)).collect();
        Some(format!("{} {}", self.file, self.key(&versions_of(&programs.ok()?))))
    }

    fn is_secret(&self) -> bool {
        self.steps.iter().any(|step| !step.files.secrets.is_empty())
    }

    /// Everything that the output is made of.
    fn key(&self, versions: &str) -> String {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        add(versions.as_bytes());
        for step in &self.steps {
            step.arguments.iter().for_each(|argument| add(argument.as_bytes()));
            for (path, bytes) in &step.files.bytes {
                add(path.as_bytes());
                add(bytes);
            }
        }
        format!("{}.yaml", hex::encode(hash.finalize()))
    }

    fn read(&self, version: &str, text: &str, problems: &mut Problems) -> Vec<Manifest> {
        let name = format!("{} (rendered by {version})", self.file);
        let mut manifests = Vec::new();
        let is_secret = self.is_secret();
        match yaml::parse(&name, text.as_bytes()) {
            Ok(documents) if is_secret => unfold_all(self.veiled(documents, problems), true, &mut manifests, problems),
            Ok(documents) => unfold_all(documents, false, &mut manifests, problems),
            Err(_) if is_secret => problems.error(Problem::new(Place::file(&name), "what was rendered is no YAML")),
            Err(found) => found.into_iter().for_each(|problem| problems.error(problem)),
        }
        manifests
    }

    /// What was made of decrypted files, as long as only Secrets hold what was encrypted.
    fn veiled(&self, documents: Vec<Node>, problems: &mut Problems) -> Vec<Node> {
        let (mut kept, mut escaped) = (Vec::new(), false);
        for document in documents {
            escaped |= self.steps.iter().any(|step| sealed::escapes(&document, &step.files.secrets));
            kept.push(sealed::veil(&document, &document.span));
        }
        if escaped {
            let message =
                "what sops decrypted comes out of it in an object that is no Secret, where everybody would read it";
            problems.error(
                Problem::new(Place::file(&self.file), message).hint("use a secretGenerator, or a Secret of the chart"),
            );
            kept.clear();
        }
        kept
    }
}

fn versions_of(programs: &[Program]) -> String {
    programs.iter().map(|program| program.version.as_str()).collect::<Vec<_>>().join(" and ")
}

/// A folder of nobody else's; in memory where decrypted files are written out.
fn workplace(is_secret: bool) -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    match is_secret && memory.is_dir() {
        true => tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()),
        false => tempfile::tempdir(),
    }
}

/// Readable by its owner alone: what is rendered may hold secrets that Git holds, too.
pub(super) fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Where is kept what can be made again.
pub(super) fn cache() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    Some(folder.join("groundplan"))
}
