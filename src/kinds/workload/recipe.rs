//! What makes the manifests of a workload, kept to ask what other files would make of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::object::Object;
use super::program::Programs;
use super::render::render;
use super::rendering::Rendering;
use super::substitute::Values;
use super::workload_file::WorkloadFile;
use crate::problem::Problems;
use crate::repo::Snapshot;
use crate::yaml::{self, Node};

/// A workload whose manifests a program renders.
pub(super) struct Recipe {
    pub(super) folder: String,
    programs: Arc<Programs>,
    /// The files that it is made of.
    inputs: BTreeSet<String>,
}

impl Recipe {
    pub(super) fn new(folder: &str, programs: &Arc<Programs>, rendering: &Rendering) -> Self {
        let inputs = rendering.inputs().map(str::to_owned).collect();
        Self { folder: folder.to_owned(), programs: programs.clone(), inputs }
    }

    pub(super) fn is_made_from(&self, file: &str) -> bool {
        self.inputs.contains(file)
    }

    /// The files of its own folder that it is made of: nobody else's, as far as its own words say.
    pub(super) fn own_files(&self) -> impl Iterator<Item = &str> {
        let start = format!("{}/", self.folder);
        self.inputs.iter().filter(move |file| file.starts_with(&start)).map(String::as_str)
    }

    /// The objects that a snapshot would make, each `${NAME}` as it stands there.
    pub(super) fn objects(&self, snapshot: &Snapshot) -> Result<Vec<Object>, String> {
        let (file, rendering) = self.rendering(snapshot)?;
        let mut problems = Problems::default();
        let manifests = rendering.run(&self.programs, &mut problems);
        let names = file.get("values").into_iter().flat_map(Node::entries);
        let values: Values =
            names.filter_map(|(name, _)| Some((name.text()?.to_owned(), format!("${{{}}}", name.text()?)))).collect();
        let rendered = render(&manifests, &values, &BTreeSet::new());
        match problems.errors.first().or(rendered.problems.first()) {
            None => Ok(rendered.objects),
            Some(problem) => Err(problem.message.clone()),
        }
    }

    /// What its chart says where nobody gives a value, by the keys above each; nothing where it is no chart.
    pub(super) fn default_values(&self, snapshot: &Snapshot) -> BTreeMap<Vec<String>, Node> {
        let mut found = BTreeMap::new();
        let text = self.rendering(snapshot).ok().and_then(|(_, rendering)| rendering.default_values(&self.programs));
        if let Some(root) = text.and_then(|text| yaml::parse_one("values.yaml", text.as_bytes()).ok()) {
            leaves(&root, &mut Vec::new(), &mut found);
        }
        found
    }

    fn rendering(&self, snapshot: &Snapshot) -> Result<(WorkloadFile, Rendering), String> {
        let mut problems = Problems::default();
        let file = WorkloadFile::read(snapshot, &self.folder, &mut problems);
        if let Some(problem) = problems.errors.first() {
            return Err(problem.message.clone());
        }
        let rendering = file.rendering(snapshot, &self.programs, &self.folder);
        let rendering = rendering.ok_or("no program renders it any more")?.map_err(|problem| problem.message)?;
        Ok((file, rendering))
    }
}

/// The single values below mappings alone: an item of a list has no name to give it another value by.
fn leaves(node: &Node, above: &mut Vec<String>, found: &mut BTreeMap<Vec<String>, Node>) {
    for (key, value) in node.entries() {
        let Some(key) = key.text() else { continue };
        above.push(key.to_owned());
        match value.text() {
            Some(_) => _ = found.insert(above.clone(), value.clone()),
            None => leaves(value, above, found),
        }
        above.pop();
    }
}
