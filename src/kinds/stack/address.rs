//! Where a stack file says its stack lives: `stacks/[ALIAS.]ACCOUNT/REGION/any/path/NAME.yaml`.

use super::dialect::Dialect;
use crate::aws::is_account;
use crate::problem::{Place, Problem};

/// A stack's account, region and name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Address {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
}

/// The path of a stack file, taken apart.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct StackPath<'a> {
    pub(super) account_segment: &'a str,
    region: &'a str,
    /// After the region, without the extension.
    rest: &'a str,
    path: &'a str,
}

impl<'a> StackPath<'a> {
    pub(super) fn split(path: &'a str) -> Result<Self, Problem> {
        let layout = || {
            Problem::new(Place::file(path), "a stack file has to stand below an account and a region")
                .hint("move it to stacks/[ALIAS.]ACCOUNT/REGION/…/NAME.yaml")
        };
        let inner = path.strip_prefix("stacks/").and_then(|path| path.strip_suffix(".yaml")).ok_or_else(layout)?;
        let mut parts = inner.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(account_segment), Some(region), Some(rest)) if !rest.is_empty() => {
                Ok(Self { account_segment, region, rest, path })
            }
            _ => Err(layout()),
        }
    }

    /// Reads it by the rules of a dialect; the second value is words of warning.
    pub(super) fn address(&self, dialect: Dialect) -> Result<(Address, Vec<Problem>), Problem> {
        let account = self.account()?;
        self.check_region()?;
        let (name, warning) = self.name(dialect);
        check_name(&name).map_err(|why| Problem::new(Place::file(self.path), why))?;
        let warnings = self.account_warning(dialect).into_iter().chain(warning).collect();
        Ok((Address { account, region: self.region.to_owned(), name }, warnings))
    }

    /// Exactly one token of twelve digits, first, last or alone: what either tool takes.
    fn account(&self) -> Result<String, Problem> {
        let problem = |what: String| {
            Problem::new(Place::file(self.path), what)
                .hint("write the twelve digits of the account, alone or with an alias: prod.111122223333")
        };
        let tokens: Vec<&str> = self.account_segment.split('.').collect();
        let accounts: Vec<usize> = (0..tokens.len()).filter(|&index| is_account(tokens[index])).collect();
        match accounts.as_slice() {
            [index] if *index == 0 || *index == tokens.len() - 1 => Ok(tokens[*index].to_owned()),
            [_] => Err(problem(format!("`{}` has its account id in the middle", self.account_segment))),
            [] => Err(problem(format!("`{}` names no account", self.account_segment))),
            _ => Err(problem(format!("`{}` names more than one account", self.account_segment))),
        }
    }

    /// Where the tool that the repository was written for takes the account's folder otherwise.
    fn account_warning(&self, dialect: Dialect) -> Option<Problem> {
        let tokens: Vec<&str> = self.account_segment.split('.').collect();
        let said = match (dialect, tokens.as_slice()) {
            (Dialect::Stackctl, [_]) => {
                "stackctl passes over an account without a name, and Groundplan does not".to_owned()
            }
            (Dialect::Stackctl, [_, _, _, ..]) => {
                "stackctl passes over an account with more than one name, and Groundplan does not".to_owned()
            }
            (Dialect::CloudGenesis, [first, .., last]) if is_account(first) => {
                format!("CloudGenesis takes `{last}` for the account, and Groundplan `{first}`")
            }
            (Dialect::Native | Dialect::CloudGenesis | Dialect::Stackctl, _) => return None,
        };
        Some(Problem::new(Place::file(self.path), said))
    }

    fn check_region(&self) -> Result<(), Problem> {
        match is_region(self.region) {
            true => Ok(()),
            false => Err(Problem::new(Place::file(self.path), format!("`{}` is no region", self.region))
                .did_you_mean(self.region, REGIONS.iter().copied())),
        }
    }

    /// CloudGenesis ends the name at the first dot anywhere; the others keep all of it.
    fn name(&self, dialect: Dialect) -> (String, Option<Problem>) {
        let whole = self.rest.replace('/', "-");
        let cut = whole.split('.').next().unwrap_or_default().to_owned();
        let differ = (whole != cut).then(|| {
            Problem::new(
                Place::file(self.path),
                format!("CloudGenesis calls this stack `{cut}` and stackctl calls it `{whole}`"),
            )
            .hint("write paths without dots below the region")
        });
        match dialect {
            Dialect::CloudGenesis => (cut, differ),
            Dialect::Stackctl | Dialect::Native => (whole, differ),
        }
    }
}

/// Two or three words and a number: what AWS calls its regions.
pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.as_slice() {
        [words @ .., number] => {
            (2..=3).contains(&words.len()) && words.iter().all(|part| word(part)) && number.parse::<u8>().is_ok()
        }
        [] => false,
    }
}

/// CloudFormation's rule for the name of a stack.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match (fits, name.len()) {
        (true, ..=128) => Ok(()),
        (true, length) => Err(format!("the stack's name has {length} letters, and CloudFormation takes 128")),
        (false, _) => Err(format!(
            "`{name}` cannot be a stack's name: it starts with a letter, and holds letters, digits and dashes"
        )),
    }
}

/// For a guess at what was meant; a region that is not here is taken all the same.
const REGIONS: [&str; 20] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "me-south-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialect: Dialect, path: &str) -> Result<(String, String), String> {
        let read = StackPath::split(path).and_then(|path| path.address(dialect));
        read.map(|(address, _)| (address.account, address.name)).map_err(|problem| problem.message)
    }

    #[test]
    fn the_account_may_stand_alone_first_or_last() {
        for segment in ["111122223333", "prod.111122223333", "my.team.111122223333", "111122223333.prod"] {
            let path = format!("stacks/{segment}/eu-west-1/network/vpc.yaml");
            assert_eq!(read(Dialect::Native, &path), Ok(("111122223333".into(), "network-vpc".into())));
        }
        for segment in ["prod", "a.111122223333.b", "111122223333.444455556666", "11112222333"] {
            assert!(read(Dialect::Native, &format!("stacks/{segment}/eu-west-1/vpc.yaml")).is_err(), "{segment}");
        }
    }

    #[test]
    fn a_dot_ends_the_name_only_for_cloudgenesis() {
        let path = "stacks/111122223333/us-east-1/net/app.v2.yaml";
        assert_eq!(read(Dialect::CloudGenesis, path).map(|read| read.1), Ok("net-app".into()));
        assert!(read(Dialect::Native, path).is_err_and(|message| message.contains("net-app.v2")));
        let warned = StackPath::split(path).and_then(|path| path.address(Dialect::CloudGenesis));
        assert!(warned.is_ok_and(|(_, warnings)| warnings.len() == 1));
    }

    #[test]
    fn a_path_that_names_no_stack_says_what_to_write() {
        assert!(read(Dialect::Native, "stacks/vpc.yaml").is_err());
        let problem = StackPath::split("stacks/111122223333/eu-wst-1/vpc.yaml");
        let problem = problem.and_then(|path| path.address(Dialect::Native).map(|_| ()));
        assert!(problem.is_ok(), "a region that follows the rule is taken, since new ones appear");
        let typo = StackPath::split("stacks/111122223333/euwest-1/vpc.yaml");
        let typo = typo.and_then(|path| path.address(Dialect::Native).map(|_| ())).expect_err("no region");
        assert_eq!(typo.hint.as_deref(), Some("did you mean `eu-west-1`?"));
    }
}
