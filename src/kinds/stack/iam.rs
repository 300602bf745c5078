//! Changes of who may do what: they need a word of their own.
//!
//! A role that a stack makes may be stronger than whoever approved the stack. So a plan names each,
//! also where only its template is known, and also where a nested stack or a macro may make some.

use super::changes::Changed;
use super::template::{NESTED, Template};
use crate::unit::Word;

const WORD: &str = "iam";
/// So many are named; the rest is counted.
const MANY: usize = 5;

fn is_iam(r#type: &str) -> bool {
    r#type.starts_with("AWS::IAM::")
}

/// What a change set does to identities.
pub(super) fn of_changes(changes: &[Changed], capabilities: &[String]) -> Vec<Word> {
    let touched = changes.iter().filter(|changed| is_iam(&changed.r#type));
    word(touched.map(|changed| format!("`{}` ({})", changed.logical_id, changed.r#type)).collect(), capabilities)
}

/// What making a stack from its template brings about.
pub(super) fn of_template(template: Option<&Template>, capabilities: &[String]) -> Vec<Word> {
    let all: Vec<_> = template.map(Template::all_resources).unwrap_or_default();
    let made = all.iter().filter(|(_, resource)| is_iam(&resource.r#type));
    let made: Vec<_> = made.map(|(name, resource)| format!("`{name}` ({})", resource.r#type)).collect();
    // What is not in this repository, or is made by a macro, may make some: whoever gave the capability thinks so.
    let is_seen = template.is_some_and(|template| {
        !template.is_transformed && all.iter().all(|(_, resource)| resource.r#type != NESTED || resource.is_known)
    });
    match made.is_empty() && !is_seen && capabilities.iter().any(|word| word.ends_with("_IAM")) {
        true => word(vec!["something that only AWS can see".to_owned()], capabilities),
        false => word(made, capabilities),
    }
}

fn word(mut touched: Vec<String>, capabilities: &[String]) -> Vec<Word> {
    if touched.is_empty() {
        return Vec::new();
    }
    let more = touched.len().saturating_sub(MANY);
    touched.truncate(MANY);
    if more > 0 {
        touched.push(format!("{more} more"));
    }
    let asked: Vec<_> = capabilities.iter().filter(|word| word.ends_with("_IAM")).map(String::as_str).collect();
    let with = if asked.is_empty() { String::new() } else { format!(", with {}", asked.join(", ")) };
    vec![Word {
        word: WORD.to_owned(),
        why: format!("it touches identities and their rights: {}{with}", touched.join(", ")),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_identities_is_named_and_what_cannot_be_seen_counts_where_it_may() {
        let words = |text: &str, capabilities: &[&str]| {
            let template = Template::parse("templates/t.yaml", text.as_bytes()).expect("valid");
            let capabilities: Vec<String> = capabilities.iter().map(|word| (*word).to_owned()).collect();
            let words = of_template(Some(&template), &capabilities);
            words.into_iter().map(|word| word.why).collect::<String>()
        };
        let role = "Resources: {Worker: {Type: 'AWS::IAM::Role'}}\n";
        let named = "it touches identities and their rights: `Worker` (AWS::IAM::Role), with CAPABILITY_IAM";
        assert_eq!(words(role, &["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]), named);
        let nested =
            "Resources: {Inner: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: 'https://b/t.yaml'}}}\n";
        assert!(words(nested, &["CAPABILITY_IAM"]).contains("only AWS can see"));
        assert_eq!(words(nested, &[]), "");
        assert_eq!(words("Resources: {Queue: {Type: 'AWS::SQS::Queue'}}\n", &["CAPABILITY_IAM"]), "");
    }
}
