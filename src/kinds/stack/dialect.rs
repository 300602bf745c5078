//! For which tool the stack files of a repository were written.

use crate::aws::is_account;
use crate::repo::Snapshot;
use crate::unit::StackDialect;
use crate::yaml::Node;

/// Where CloudGenesis and stackctl read the same file differently, the dialect decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    /// Ours: a `groundplan.yaml` and no mark of another tool.
    Native,
    CloudGenesis,
    Stackctl,
}

/// What of a stack file hints at its dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Hints {
    /// A key or a form that only we know: `DependsOn`, `Type: Output`.
    pub(super) ours: bool,
    /// A key or a form that only stackctl knows, or an account written `ID.NAME`.
    pub(super) stackctl: bool,
}

/// Where stackctl looks for its configuration; the first that is there counts.
pub(super) const STACKCTL_CONFIG: [&str; 4] =
    [".stackctl/config.yaml", ".stackctl/config.yml", ".stackctl.yaml", ".stackctl.yml"];

impl Dialect {
    /// What the repository says decides; then a tool's own files; then `groundplan.yaml`; then what the stack
    /// files are written like.
    pub(super) fn of(snapshot: &Snapshot, said: Option<StackDialect>, hints: impl IntoIterator<Item = Hints>) -> Self {
        match said {
            Some(StackDialect::Groundplan) => return Dialect::Native,
            Some(StackDialect::CloudGenesis) => return Dialect::CloudGenesis,
            Some(StackDialect::Stackctl) => return Dialect::Stackctl,
            None => {}
        }
        let has = |path: &str| snapshot.file(path).is_some();
        if STACKCTL_CONFIG.iter().any(|path| has(path)) {
            return Dialect::Stackctl;
        }
        if has("buildspec-sync.yml") || has("buildspec-pr.yml") {
            return Dialect::CloudGenesis;
        }
        if has("groundplan.yaml") {
            return Dialect::Native;
        }
        let seen = hints.into_iter().fold(Hints::default(), |seen, hints| Hints {
            ours: seen.ours || hints.ours,
            stackctl: seen.stackctl || hints.stackctl,
        });
        match seen {
            Hints { ours: true, .. } => Dialect::Native,
            Hints { ours: false, stackctl: true } => Dialect::Stackctl,
            Hints { ours: false, stackctl: false } => Dialect::CloudGenesis,
        }
    }

    /// The tool's name, for people.
    pub(super) fn tool(self) -> &'static str {
        match self {
            Dialect::Native => "Groundplan",
            Dialect::CloudGenesis => "CloudGenesis",
            Dialect::Stackctl => "stackctl",
        }
    }
}

impl Hints {
    pub(super) fn of(account_segment: &str, file: &Node) -> Self {
        let parameters = file.get("Parameters");
        let typed_output = |item: &Node| item.get("Type").and_then(Node::text) == Some("Output");
        let ours = file.get("DependsOn").is_some()
            || parameters.is_some_and(|parameters| parameters.items().iter().any(typed_output));
        let keyed = |node: Option<&Node>| node.is_some_and(|node| node.entries().next().is_some());
        let stackctl = ["Depends", "Actions", "Capabilities", "Description"].iter().any(|key| file.get(key).is_some())
            || keyed(parameters)
            || keyed(file.get("Tags"))
            || account_segment.split_once('.').is_some_and(|(first, _)| is_account(first));
        Self { ours, stackctl }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::CommitId;

    #[test]
    fn a_tools_own_files_decide_before_the_stack_files_do() {
        let ours = Hints { ours: true, stackctl: false };
        let theirs = Hints { ours: false, stackctl: true };
        let table: &[(&[&str], Hints, Dialect)] = &[
            (&[".stackctl/config.yml", "groundplan.yaml"], ours, Dialect::Stackctl),
            (&["buildspec-sync.yml"], theirs, Dialect::CloudGenesis),
            (&["groundplan.yaml"], theirs, Dialect::Native),
            (&["groundplan.yaml", ".stackctl.yaml"], Hints::default(), Dialect::Stackctl),
            (&[], ours, Dialect::Native),
            (&[], theirs, Dialect::Stackctl),
            (&[], Hints::default(), Dialect::CloudGenesis),
        ];
        for (files, hints, dialect) in table {
            let snapshot = Snapshot::of_files(CommitId::new("c"), files.iter().map(|path| (*path, "")));
            assert_eq!(Dialect::of(&snapshot, None, [*hints]), *dialect, "{files:?}");
            assert_eq!(Dialect::of(&snapshot, Some(StackDialect::CloudGenesis), [*hints]), Dialect::CloudGenesis);
        }
    }
}
