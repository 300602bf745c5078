//! How much a drift may hurt, from what changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::unit::{Difference, Effect, Shown};

/// How much a drift may hurt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Words for people: tags, descriptions.
    Low,
    #[default]
    Medium,
    /// To be put right soon, and by two people where the rules say so.
    Risky,
}

/// A risk, with what makes it one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Weight {
    pub risk: Risk,
    /// Each once, in the order in which they were found; empty where nothing is risky.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

/// Weighs differences as they were found; a value that is hidden later still counts here.
pub fn weigh<'a>(differences: impl IntoIterator<Item = &'a Difference>) -> Weight {
    let mut weight: Option<Weight> = None;
    for difference in differences {
        let all = weight.get_or_insert(Weight { risk: Risk::Low, why: Vec::new() });
        let risk = match reason(difference) {
            Some(why) => {
                if !all.why.iter().any(|told| told == why) {
                    all.why.push(why.to_owned());
                }
                Risk::Risky
            }
            None if is_for_people(difference) => Risk::Low,
            None => Risk::Medium,
        };
        all.risk = all.risk.max(risk);
    }
    weight.unwrap_or_default()
}

fn reason(difference: &Difference) -> Option<&'static str> {
    let Difference { item, path, from, to, cause: _, effect, who: _ } = difference;
    let live = text(from.as_ref());
    let declared = text(to.as_ref());
    let path = path.to_ascii_lowercase();
    let ends = |name: &str| path.ends_with(name);
    if ["0.0.0.0/0", "::/0"].iter().any(|open| live.contains(open) && !declared.contains(open)) {
        return Some("the network is open to everyone");
    }
    let rights = ["AWS::IAM::", "Role ", "RoleBinding ", "ClusterRole ", "ClusterRoleBinding "];
    if rights.iter().any(|kind| item.contains(kind)) || path.contains("policydocument") {
        return Some("rights were changed");
    }
    if path.contains("encrypt") || path.contains("kmskey") || path.contains("ssealgorithm") {
        return Some("encryption was changed");
    }
    if path.contains("publicly")
        || path.contains("publicaccess")
        || (ends("accesscontrol") && live.starts_with("Public"))
    {
        return Some("it may be public");
    }
    if ends("replicas") && live == "0" && declared != "0" {
        return Some("nothing of it runs any more");
    }
    match effect {
        Effect::Create if path.is_empty() => Some("it was deleted"),
        Effect::Create | Effect::InPlace => None,
        Effect::MayReplace | Effect::Replace => Some("putting it back may replace it"),
        Effect::Delete => Some("putting it back deletes something"),
    }
}

fn is_for_people(difference: &Difference) -> bool {
    let path = difference.path.to_ascii_lowercase();
    path.split(['/', '.', '[']).any(|part| matches!(part, "tags" | "description" | "alarmdescription"))
}

fn text(shown: Option<&Shown>) -> &str {
    match shown {
        Some(Shown::Text(text)) => text,
        Some(Shown::Hidden(_)) | None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Cause;

    fn weight(item: &str, path: &str, from: &str, to: &str, effect: Effect) -> (Risk, Vec<String>) {
        let (from, to) = (Some(Shown::text(from)), Some(Shown::text(to)));
        let difference =
            Difference { item: item.into(), path: path.into(), from, to, cause: Cause::Drifted, effect, who: None };
        let Weight { risk, why } = weigh([&difference]);
        (risk, why)
    }

    #[test]
    fn the_table_of_risks() {
        let rows = [
            (
                "Web (AWS::EC2::SecurityGroup)",
                "/Properties/CidrIp",
                "0.0.0.0/0",
                "10.0.0.0/8",
                Effect::InPlace,
                Risk::Risky,
            ),
            (
                "Web (AWS::EC2::SecurityGroup)",
                "/Properties/CidrIp",
                "10.0.0.0/8",
                "0.0.0.0/0",
                Effect::InPlace,
                Risk::Medium,
            ),
            ("Job (AWS::IAM::Role)", "/Properties/MaxSessionDuration", "7200", "3600", Effect::InPlace, Risk::Risky),
            ("rbac/RoleBinding shop/web", "subjects", "a", "b", Effect::InPlace, Risk::Risky),
            ("Data (AWS::S3::Bucket)", "/Properties/BucketEncryption", "", "x", Effect::InPlace, Risk::Risky),
            (
                "Main (AWS::RDS::DBInstance)",
                "/Properties/PubliclyAccessible",
                "true",
                "false",
                Effect::InPlace,
                Risk::Risky,
            ),
            ("apps/Deployment shop/web", "spec.replicas", "0", "3", Effect::InPlace, Risk::Risky),
            ("apps/Deployment shop/web", "spec.replicas", "5", "3", Effect::InPlace, Risk::Medium),
            ("Main (AWS::RDS::DBInstance)", "/Properties/Engine", "a", "b", Effect::Replace, Risk::Risky),
            ("Jobs (AWS::SQS::Queue)", "", "", "", Effect::Create, Risk::Risky),
            ("Jobs (AWS::SQS::Queue)", "/Properties/VisibilityTimeout", "45", "30", Effect::InPlace, Risk::Medium),
            ("Jobs (AWS::SQS::Queue)", "/Properties/Tags/0/Value", "a", "b", Effect::InPlace, Risk::Low),
        ];
        for (item, path, from, to, effect, risk) in rows {
            assert_eq!(weight(item, path, from, to, effect).0, risk, "{item} {path}");
        }
    }

    #[test]
    fn a_reason_is_told_once_and_nothing_known_is_medium() {
        let (_, why) = weight("Jobs", "", "", "", Effect::Create);
        assert_eq!(why, ["it was deleted"]);
        assert_eq!(weigh([]), Weight::default());
    }
}
