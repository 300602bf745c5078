//! What stackctl runs after a deployment, as a stack file says it, and what of it an operator allows.
//!
//! Whoever may open a pull request may write an action. So none is run that does not stand, word for
//! word, in the operator's own settings, which are in no repository.

use crate::aws::AllowedActions;
use crate::problem::{Problem, Problems};
use crate::unit::{Cause, Difference, Effect, Shown};
use crate::yaml::{Node, Value};

const VERBS: [&str; 4] = ["InvokeLambdaByStackOutput", "InvokeLambdaByName", "Exec", "Shell"];

/// One thing to be run after a deployment.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Action {
    /// A function, by its name or ARN.
    Lambda(String),
    /// The function that an output of the stack names.
    LambdaOf(String),
    /// A program and its arguments.
    Exec(Vec<String>),
    /// A line for `sh`.
    Shell(String),
}

impl Action {
    /// As a stack file says it, for people.
    pub(super) fn said(&self) -> String {
        match self {
            Action::Lambda(function) => format!("InvokeLambdaByName: {function}"),
            Action::LambdaOf(output) => format!("InvokeLambdaByStackOutput: {output}"),
            Action::Exec(words) => format!("Exec: {}", words.join(" ")),
            Action::Shell(line) => format!("Shell: {line}"),
        }
    }

    /// Whether the operator allows it. Which function an output names is known only once it is there,
    /// and looked at again then.
    pub(super) fn is_allowed(&self, allowed: &AllowedActions) -> bool {
        match self {
            Action::Lambda(function) => allowed.lambda.contains(function),
            Action::LambdaOf(_) => !allowed.lambda.is_empty(),
            Action::Exec(words) => allowed.exec.contains(words),
            Action::Shell(line) => allowed.shell.contains(line),
        }
    }

    /// What an operator would add to allow it.
    fn permission(&self) -> String {
        let quoted = |text: &String| serde_json::Value::String(text.clone()).to_string();
        let list = match self {
            Action::Lambda(function) => format!("lambda: [{}]", quoted(function)),
            Action::LambdaOf(_) => "lambda: [THE FUNCTION'S NAME]".to_owned(),
            Action::Exec(words) => format!("exec: [[{}]]", words.iter().map(quoted).collect::<Vec<_>>().join(", ")),
            Action::Shell(line) => format!("shell: [{}]", quoted(line)),
        };
        format!("if it is to run, the operator's settings say `aws: {{actions: {{{list}}}}}`")
    }

    /// What `check` says of one that will not run.
    pub(super) fn refusal(&self, node: &Node, allowed: &AllowedActions) -> Option<Problem> {
        if let Action::Exec(words) = self
            && words[0].contains('/')
            && !words[0].starts_with('/')
        {
            let said = format!("`{}` is not run: no file of the repository is there to be run", self.said());
            return Some(node.problem(said).hint("install the program, and name it by its own path"));
        }
        (!self.is_allowed(allowed)).then(|| {
            let said = format!("`{}` is not run: the operator does not allow it", self.said());
            node.problem(said).hint(self.permission())
        })
    }

    /// As a plan shows it.
    fn difference(&self, number: usize, allowed: &AllowedActions) -> Difference {
        let to = match self.is_allowed(allowed) {
            true => self.said(),
            false => format!("{} (not run: the operator does not allow it)", self.said()),
        };
        Difference {
            item: "Actions".to_owned(),
            path: format!("/PostDeploy/{number}"),
            from: None,
            to: Some(Shown::text(to)),
            cause: Cause::Declared,
            effect: Effect::InPlace,
            who: None,
        }
    }
}

/// As a plan shows them, in their order.
pub(super) fn differences(actions: &[Action], allowed: &AllowedActions) -> Vec<Difference> {
    actions.iter().zip(1..).map(|(action, number)| action.difference(number, allowed)).collect()
}

/// Reads `Actions`: each with the node that says it.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Vec<(Action, Node)> {
    let Value::Sequence(items) = &node.value else {
        problems.error(node.problem("`Actions` is a list").hint("write `- {on: PostDeploy, run: {Exec: [program]}}`"));
        return Vec::new();
    };
    items.iter().flat_map(|item| of_event(item, problems)).collect()
}

fn of_event(item: &Node, problems: &mut Problems) -> Vec<(Action, Node)> {
    match item.get("on").map(|on| (on, on.text())) {
        Some((_, Some("PostDeploy"))) => {}
        Some((on, _)) => problems.error(on.problem("an action is run on `PostDeploy`, and on nothing else")),
        None => problems.error(item.problem("an action needs `on: PostDeploy`")),
    }
    let Some(run) = item.get("run") else {
        problems.error(item.problem("an action needs `run:`").hint("write `run: {Exec: [program, argument]}`"));
        return Vec::new();
    };
    let each = match &run.value {
        Value::Sequence(each) => each.iter().collect(),
        Value::Mapping(_) | Value::Scalar(_) => vec![run],
    };
    each.into_iter().filter_map(|node| Some((problems.keep(one(node))?, node.clone()))).collect()
}

fn one(node: &Node) -> Result<Action, Problem> {
    let mut entries = node.entries();
    let (Some((key, value)), None) = (entries.next(), entries.next()) else {
        return Err(node.problem("an action runs one thing").hint(format!("write one of {}", VERBS.join(", "))));
    };
    let text = || match value.text().filter(|text| !text.is_empty()) {
        Some(text) => Ok(text.to_owned()),
        None => Err(value.problem("a text is needed here")),
    };
    match key.text().unwrap_or_default() {
        "InvokeLambdaByStackOutput" => text().map(Action::LambdaOf),
        "InvokeLambdaByName" => text().map(Action::Lambda),
        "Shell" => text().map(Action::Shell),
        "Exec" => {
            let words: Option<Vec<String>> = value.items().iter().map(|word| word.text().map(str::to_owned)).collect();
            match words.filter(|words| words.first().is_some_and(|program| !program.is_empty())) {
                Some(words) => Ok(Action::Exec(words)),
                None => Err(value.problem("`Exec` is a list: a program and its arguments")),
            }
        }
        other => Err(key.problem(format!("there is no action `{other}`")).did_you_mean(other, VERBS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn read_text(text: &str) -> (Vec<Action>, Vec<String>) {
        let node = yaml::parse_one("s.yaml", text.as_bytes()).expect("valid YAML");
        let mut problems = Problems::default();
        let actions = read(&node, &mut problems).into_iter().map(|(action, _)| action).collect();
        (actions, problems.errors.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn every_verb_of_stackctl_is_read_one_or_many() {
        let text = "- on: PostDeploy\n  run: {Exec: [/bin/smoke, --quick]}\n- on: PostDeploy\n  run:\n  - InvokeLambdaByName: warm\n  - InvokeLambdaByStackOutput: Function\n  - Shell: echo done\n";
        let (actions, errors) = read_text(text);
        assert_eq!(errors, [""; 0]);
        let said: Vec<String> = actions.iter().map(Action::said).collect();
        assert_eq!(
            said,
            [
                "Exec: /bin/smoke --quick",
                "InvokeLambdaByName: warm",
                "InvokeLambdaByStackOutput: Function",
                "Shell: echo done"
            ]
        );
    }

    #[test]
    fn what_is_no_action_is_an_error() {
        for (text, said) in [
            ("{on: PostDeploy}", "is a list"),
            ("- {on: PreDeploy, run: {Shell: x}}", "and on nothing else"),
            ("- {run: {Shell: x}}", "needs `on: PostDeploy`"),
            ("- {on: PostDeploy}", "needs `run:`"),
            ("- {on: PostDeploy, run: {Shel: x}}", "no action `Shel`"),
            ("- {on: PostDeploy, run: {Exec: program}}", "is a list: a program"),
            ("- {on: PostDeploy, run: {Exec: []}}", "is a list: a program"),
            ("- {on: PostDeploy, run: {Shell: x, Exec: [y]}}", "runs one thing"),
        ] {
            let (_, errors) = read_text(text);
            assert!(errors.iter().any(|error| error.contains(said)), "{text}: {errors:?}");
        }
    }

    #[test]
    fn only_what_stands_word_for_word_in_the_operators_settings_is_allowed() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let allowed = AllowedActions {
            lambda: ["warm".to_owned()].into(),
            exec: [words("/bin/smoke --quick")].into(),
            shell: ["echo done".to_owned()].into(),
        };
        let exec = |line: &str| Action::Exec(words(line));
        for (action, is_allowed) in [
            (Action::Lambda("warm".into()), true),
            (Action::Lambda("warm-2".into()), false),
            (Action::LambdaOf("Function".into()), true),
            (exec("/bin/smoke --quick"), true),
            (exec("/bin/smoke"), false),
            (exec("/bin/smoke --quick --more"), false),
            (exec("/bin/smoke --quick; rm"), false),
            (Action::Shell("echo done".into()), true),
            (Action::Shell("echo done; curl evil".into()), false),
        ] {
            assert_eq!(action.is_allowed(&allowed), is_allowed, "{action:?}");
            assert!(!action.is_allowed(&AllowedActions::default()), "nothing is allowed where nothing is said");
        }
    }
}
