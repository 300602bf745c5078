//! `groundplan schema`: what files and outputs may say.

use clap::Args;
use schemars::{Schema, schema_for};

use super::case::{AuditOutput, CaseOutput};
use super::check::CheckOutput;
use super::exit::{CommandError, Done, Exit};
use super::output::{print, print_json};
use super::plan::PlanOutput;
use super::render::RenderOutput;
use super::settings::OperatorFile;
use super::sync::ReportOutput;
use crate::aws::{Aws, AwsSettings};
use crate::declaration::RepositorySettings;
use crate::drift::{DriftReport, Watched};
use crate::graph::Drawing;
use crate::kinds;

/// Print the JSON Schema of a file that users write, or of what a command writes.
///
/// Without a name: the names there are. The same schemas stand in schemas/.
#[derive(Args)]
pub struct SchemaArguments {
    /// As `stack`, `workload`, `groundplan`, `plan-output`.
    name: Option<String>,
}

/// Every schema by its name, written from the types.
pub fn schemas() -> Vec<(String, Schema)> {
    let files = [("groundplan", schema_for!(RepositorySettings)), ("operator", schema_for!(OperatorFile))];
    let kinds = kinds::all(&Aws::new(AwsSettings::default()), None);
    let of_kinds = kinds.iter().flat_map(|kind| kind.schemas());
    let outputs = [
        ("check-output", schema_for!(CheckOutput)),
        ("graph-output", schema_for!(Drawing)),
        ("plan-output", schema_for!(PlanOutput)),
        ("render-output", schema_for!(RenderOutput)),
        ("drift-output", schema_for!(DriftReport)),
        ("watch-output", schema_for!(Watched)),
        ("case-output", schema_for!(CaseOutput)),
        ("audit-output", schema_for!(AuditOutput)),
        ("report-output", schema_for!(ReportOutput)),
    ];
    let all = files.into_iter().chain(of_kinds).chain(outputs);
    all.map(|(name, schema)| (name.to_owned(), schema)).collect()
}

pub(super) fn run(arguments: SchemaArguments) -> Done {
    let schemas = schemas();
    let Some(name) = arguments.name else {
        for (name, _) in &schemas {
            print(&format!("{name}\n"))?;
        }
        return Ok(Exit::Done);
    };
    match schemas.iter().find(|(known, _)| *known == name) {
        Some((_, schema)) => print_json(schema)?,
        None => {
            let near = crate::problem::nearest(&name, schemas.iter().map(|(known, _)| known.as_str()));
            let error = CommandError::usage(format!("there is no schema `{name}`"));
            return Err(error.hint(near.map_or_else(
                || "`groundplan schema` lists them".to_owned(),
                |near| format!("did you mean `{near}`?"),
            )));
        }
    }
    Ok(Exit::Done)
}
