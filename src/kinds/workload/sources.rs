//! Where the values of a workload come from: a text, another unit's output, the parameter store.

use std::collections::BTreeMap;

use super::connect::Where;
use super::read::reference;
use super::substitute::is_name;
use crate::aws::is_account;
use crate::problem::{Problem, Problems};
use crate::unit::{OutputName, Reference, Target, Why};
use crate::yaml::Node;

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Text(String),
    Output(OutputName),
    /// A parameter of the parameter store, of the cluster's own account and region where none are written.
    Ssm {
        path: String,
        at: Option<(String, String)>,
    },
}

impl Source {
    /// Whether nobody has to be asked for it.
    pub(super) fn is_text(&self) -> bool {
        match self {
            Source::Text(_) => true,
            Source::Output(_) | Source::Ssm { .. } => false,
        }
    }
}

/// Reads what stands under `values:`; what is made from others becomes a reference.
pub(super) fn read_values(
    node: &Node,
    place: &Where,
    references: &mut Vec<Reference>,
    problems: &mut Problems,
) -> BTreeMap<String, Source> {
    let mut values = BTreeMap::new();
    for (key, value) in node.entries() {
        let name = key.text().unwrap_or_default();
        if !is_name(name) {
            problems
                .error(key.problem(format!("`{name}` is no name of a value")).hint("letters, digits and underscores"));
            continue;
        }
        if let Some(source) = problems.keep(read_value(value, place)) {
            if let Source::Output(output) = &source {
                let at = value.get("output").unwrap_or(value);
                references.push(reference(at, Target::Output(output.clone()), Why::Output(output.output.clone())));
            }
            values.insert(name.to_owned(), source);
        }
    }
    values
}

fn read_value(value: &Node, place: &Where) -> Result<Source, Problem> {
    if let Some(text) = value.text() {
        return Ok(Source::Text(text.to_owned()));
    }
    let shape = "write a text, `{output: data/db.Endpoint}` or `{ssm: /path}`";
    if value.get("ssm").is_some() {
        return read_parameter(value, place);
    }
    let mut keys = value.entries();
    match (keys.next(), keys.next()) {
        (Some((key, of)), None) => match (key.text(), of.text()) {
            (Some("output"), Some(text)) => {
                text.parse().map(Source::Output).map_err(|message: String| of.problem(message))
            }
            _ => Err(key.problem("this is no value").hint(shape)),
        },
        _ => Err(value.problem("this is no value").hint(shape)),
    }
}

/// A parameter of the parameter store, and where it is kept.
fn read_parameter(value: &Node, place: &Where) -> Result<Source, Problem> {
    for (key, _) in value.entries() {
        if !matches!(key.text(), Some("ssm" | "at")) {
            return Err(key
                .problem("this is not known of a parameter")
                .hint("write `{ssm: /path}` or `{ssm: /path, at: 111122223333/eu-west-1}`"));
        }
    }
    let path = value.get("ssm").and_then(Node::text).filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| value.problem("this names no parameter").hint("write `{ssm: /shared/region}`"))?;
    let at = match value.get("at") {
        None => None,
        Some(node) => {
            let site = node.text().and_then(|text| text.split_once('/'));
            let site = site.filter(|(account, region)| is_account(account) && !region.is_empty());
            let (account, region) = site
                .ok_or_else(|| node.problem("this is no account and region").hint("write `111122223333/eu-west-1`"))?;
            Some((account.to_owned(), region.to_owned()))
        }
    };
    if at.is_none() && place.site().is_none() {
        return Err(value
            .problem("a kubeconfig context does not say whose parameter store is meant")
            .hint("write `{ssm: /path, at: 111122223333/eu-west-1}`"));
    }
    Ok(Source::Ssm { path: path.to_owned(), at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn read(text: &str, place: &Where) -> Result<BTreeMap<String, Source>, String> {
        let node = yaml::parse_one("workload.yaml", text.as_bytes()).expect("valid");
        let mut problems = Problems::default();
        let values = read_values(&node, place, &mut Vec::new(), &mut problems);
        match problems.errors.into_iter().next() {
            None => Ok(values),
            Some(problem) => Err(problem.message),
        }
    }

    #[test]
    fn a_parameter_is_of_the_clusters_own_account_or_of_the_one_that_is_written() {
        let eks = Where::Eks { name: "a".into(), account: "111122223333".into(), region: "eu-west-1".into() };
        let context = Where::Kubeconfig { context: "a".into(), uid: None };
        assert!(matches!(read("A: {ssm: /a}", &eks).expect("right")["A"], Source::Ssm { at: None, .. }));
        let written = read("A: {ssm: /a, at: 444455556666/eu-central-1}", &context).expect("right");
        assert!(matches!(&written["A"], Source::Ssm { at: Some((account, _)), .. } if account == "444455556666"));
        for (text, why) in [
            ("A: {ssm: /a}", "does not say whose"),
            ("A: {ssm: /a, at: here}", "no account and region"),
            ("A: {ssm: ''}", "names no parameter"),
            ("A: {ssm: /a, of: b}", "not known of a parameter"),
        ] {
            assert!(read(text, &context).is_err_and(|told| told.contains(why)), "{text}");
        }
    }
}
