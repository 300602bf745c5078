//! What a template asks its deployer to acknowledge: that it makes roles, users, policies.
//!
//! CloudFormation says so only once a change set is made, and a plan of a new stack makes none. So
//! the template is read for it, and the plan fails with the line instead of the deployment.

use super::template::Template;
use crate::problem::Place;

const IAM: &str = "CAPABILITY_IAM";
const NAMED_IAM: &str = "CAPABILITY_NAMED_IAM";

/// The types that need an acknowledgement, each with the property that names one.
const ACKNOWLEDGED: [(&str, Option<&str>); 8] = [
    ("AWS::IAM::AccessKey", None),
    ("AWS::IAM::Group", Some("GroupName")),
    ("AWS::IAM::InstanceProfile", Some("InstanceProfileName")),
    ("AWS::IAM::ManagedPolicy", Some("ManagedPolicyName")),
    ("AWS::IAM::Policy", None),
    ("AWS::IAM::Role", Some("RoleName")),
    ("AWS::IAM::User", Some("UserName")),
    ("AWS::IAM::UserToGroupAddition", None),
];

/// The property by which a resource of this type is given a name of its own; none where it needs no
/// acknowledgement at all.
pub(super) fn acknowledged(r#type: &str) -> Option<Option<&'static str>> {
    ACKNOWLEDGED.iter().find(|(known, _)| *known == r#type).map(|(_, name)| *name)
}

/// A capability that the stack file does not give, and the resource that asks for it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Missing {
    pub(super) capability: &'static str,
    pub(super) resource: String,
    pub(super) r#type: String,
    pub(super) place: Place,
}

/// The first capability that is asked for and not given. What stands under a condition is left to
/// CloudFormation, which knows whether it counts.
pub(super) fn missing(template: &Template, given: &[String]) -> Option<Missing> {
    let has = |capability: &str| given.iter().any(|given| given == capability);
    template.all_resources().into_iter().find_map(|(name, resource)| {
        let capability = match (acknowledged(&resource.r#type), resource.is_named) {
            (None, _) => return None,
            (Some(_), true) => NAMED_IAM,
            (Some(_), false) => IAM,
        };
        let is_given = has(capability) || has(NAMED_IAM);
        (!is_given && !resource.is_conditional).then(|| Missing {
            capability,
            resource: name,
            r#type: resource.r#type.clone(),
            place: resource.place.clone(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_acknowledged_and_one_with_a_name_by_another_word() {
        let asked = |text: &str, given: &[&str]| {
            let template = Template::parse("templates/t.yaml", text.as_bytes()).expect("valid");
            let given: Vec<String> = given.iter().map(|word| (*word).to_owned()).collect();
            missing(&template, &given).map(|missing| (missing.capability, missing.place.line))
        };
        let plain = "Resources:\n  Role: {Type: 'AWS::IAM::Role', Properties: {}}\n";
        let named = "Resources:\n  Role: {Type: 'AWS::IAM::Role', Properties: {RoleName: admin}}\n";
        let maybe = "Resources:\n  Role: {Type: 'AWS::IAM::Role', Condition: Rarely}\n";
        let policy = "Resources:\n  Policy: {Type: 'AWS::IAM::Policy', Properties: {PolicyName: p}}\n";
        let queue = "Resources:\n  Queue: {Type: 'AWS::SQS::Queue'}\n";
        let table = [
            (plain, &[][..], Some((IAM, 2))),
            (plain, &[IAM], None),
            (plain, &[NAMED_IAM], None),
            (named, &[IAM], Some((NAMED_IAM, 2))),
            (named, &[NAMED_IAM], None),
            (policy, &[], Some((IAM, 2))),
            (maybe, &[], None),
            (queue, &[], None),
        ];
        for (text, given, expected) in table {
            assert_eq!(asked(text, given), expected, "{text}{given:?}");
        }
    }
}
