//! CloudFormation's own limits, told before anything is sent.

use super::spec::{ParameterValue, Spec};
use super::template::Template;
use crate::problem::{Place, Problem};
use crate::yaml::Node;

const MOST_RESOURCES: usize = 500;
const MOST_PARAMETERS: usize = 200;
const MOST_OUTPUTS: usize = 200;
const MOST_TAGS: usize = 50;
const MOST_OF_A_VALUE: usize = 4096;

/// Whatever a template holds too much of.
pub(super) fn of_template(template: &Template) -> Vec<Problem> {
    let counted = [
        ("resources", template.resources.len(), MOST_RESOURCES),
        ("parameters", template.parameters.len(), MOST_PARAMETERS),
        ("outputs", template.outputs.len(), MOST_OUTPUTS),
    ];
    // Macros and `Fn::ForEach` may make more of it or less.
    let too_many = counted.iter().filter(|(_, count, most)| count > most && !template.is_transformed);
    let problem = |(what, count, most): &(&str, usize, usize)| {
        let said = format!("the template has {count} {what}, and CloudFormation takes {most}");
        Problem::new(Place::file(&template.path), said).hint("split the template")
    };
    too_many.map(problem).collect()
}

/// Whatever a stack file gives too much of.
pub(super) fn of_stack(spec: &Spec, file: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, parameter) in &spec.parameters {
        if let ParameterValue::Text(text) = &parameter.value
            && text.len() > MOST_OF_A_VALUE
        {
            let said = format!("`{name}` has {} bytes, and CloudFormation takes {MOST_OF_A_VALUE}", text.len());
            problems.push(Problem::new(parameter.place.clone(), said).hint("keep it elsewhere, and name the place"));
        }
    }
    // One is the mark.
    if spec.tags.len() >= MOST_TAGS {
        let at = file.get("Tags").unwrap_or(file);
        let said = format!(
            "the stack has {} tags beside its mark, and CloudFormation takes {MOST_TAGS} in all",
            spec.tags.len()
        );
        problems.push(at.problem(said));
    }
    problems
}
