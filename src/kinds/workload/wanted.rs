//! What a workload declares, with every value in its place: from Git, other units and the parameter store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use super::hooks::{self, Hook};
use super::masked::masked;
use super::object::Object;
use super::render::render;
use super::sources::Source;
use super::substitute::Values;
use super::workload::Workload;
use crate::aws::ssm;
use crate::problem::Problem;
use crate::unit::{Inputs, KindError, Text};

/// What is declared, with every value in its place. It has no `Debug`: it may hold Secrets.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) objects: Vec<Object>,
    pub(super) hooks: Vec<Hook>,
}

impl Workload {
    /// Its objects with every secret masked; a value that only the world knows stands as the name it is asked for by.
    pub(super) fn masked(&self) -> Result<Vec<serde_json::Value>, KindError> {
        let value = |(name, source): (&String, &Source)| match source {
            Source::Text(text) => (name.clone(), text.clone()),
            Source::Output(_) | Source::Ssm { .. } => (name.clone(), format!("${{{name}}}")),
        };
        let rendered = render(self.manifests.get()?, &self.values.iter().map(value).collect(), &BTreeSet::new());
        match rendered.problems.is_empty() {
            true => Ok(rendered.objects.iter().map(masked).collect()),
            false => Err(as_error(&rendered.problems)),
        }
    }

    pub(super) async fn render(&self, inputs: &Inputs) -> Result<Wanted, KindError> {
        let rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(wanted) = rendered {
            return Ok(wanted);
        }
        let mut parameters = self.parameters().await?;
        let (mut values, mut secrets) = (Values::new(), BTreeSet::new());
        for (name, source) in &self.values {
            let value = match source {
                Source::Text(text) => text.clone(),
                Source::Output(output) => inputs
                    .get(output)
                    .ok_or_else(|| KindError::failed(format!("`{output}` for `${{{name}}}` is not known yet")))?
                    .to_owned(),
                Source::Ssm { .. } => {
                    let text = parameters.remove(name).expect("every parameter was read or an error");
                    if text.is_secret() {
                        secrets.insert(name.clone());
                    }
                    text.expose().to_owned()
                }
            };
            values.insert(name.clone(), value);
        }
        let rendered = render(self.manifests.get()?, &values, &secrets);
        match rendered.problems.is_empty() {
            true => {
                // What is never run was told when the repository was read.
                let (objects, hooks) = hooks::split(rendered.objects, &mut Vec::new());
                Ok(Wanted { objects, hooks })
            }
            false => Err(as_error(&rendered.problems)),
        }
    }

    /// The values of the parameter store, by the names of ours; one call for those of one account and region.
    async fn parameters(&self) -> Result<BTreeMap<String, Text>, KindError> {
        let mut sites: BTreeMap<(String, String), BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (name, source) in &self.values {
            let Source::Ssm { path, at } = source else { continue };
            let site = at
                .clone()
                .or_else(|| self.place.site())
                .ok_or_else(|| KindError::failed(format!("`{path}` for `${{{name}}}` is of no account and region")))?;
            sites.entry(site).or_default().entry(path.clone()).or_default().insert(name.clone());
        }
        let mut values = BTreeMap::new();
        for ((account, region), paths) in sites {
            let session = self.clusters.aws().session(&account, &region).await?;
            let read = ssm::read(&session, &paths.keys().cloned().collect()).await?;
            for (path, names) in paths {
                let text = read.get(&path).ok_or_else(|| KindError::failed(format!("`{path}` has no value")))?;
                values.extend(names.into_iter().map(|name| (name, text.clone())));
            }
        }
        Ok(values)
    }
}

/// Problems that only came up with the values, as one error.
pub(super) fn as_error(problems: &[Problem]) -> KindError {
    let told: Vec<String> = problems
        .iter()
        .map(|problem| {
            let place = &problem.place;
            format!("{}:{}:{}: {}", place.file, place.line, place.column, problem.message)
        })
        .collect();
    let error = KindError::failed(told.join("; "));
    match problems.first().and_then(|problem| problem.hint.clone()) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
