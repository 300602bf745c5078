//! Who owns which file, as `CODEOWNERS` says it: those who are named in a case of what it declares.

use globset::{Glob, GlobBuilder, GlobMatcher};

use crate::repo::Snapshot;

/// Where GitHub and GitLab look, in their order; the first that is there counts.
const PLACES: &[&str] = &[".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

/// The rules of a `CODEOWNERS` file, in its order.
///
/// Read as GitHub reads it ("About code owners"): patterns like those of `.gitignore` without `!`,
/// `[ ]` and `\#`; the last one that matches counts, also where it names nobody. A line that GitHub
/// would skip is skipped here. Sections of GitLab (`[Name]`) are skipped; their lines count.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    patterns: Vec<GlobMatcher>,
    owners: Vec<String>,
}

impl Owners {
    /// The rules of a repository; none where it has no such file.
    pub(super) fn read(snapshot: &Snapshot) -> Self {
        let text = PLACES.iter().find_map(|place| snapshot.file(place));
        text.map(|bytes| Self::parse(&String::from_utf8_lossy(bytes))).unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        Self { rules: text.lines().filter_map(rule).collect() }
    }

    /// Who owns a file, as they are named there: `@team`, `@organisation/team`, an address.
    pub fn of(&self, file: &str) -> &[String] {
        let matches = |rule: &&Rule| rule.patterns.iter().any(|pattern| pattern.is_match(file));
        self.rules.iter().rev().find(matches).map(|rule| rule.owners.as_slice()).unwrap_or_default()
    }
}

fn rule(line: &str) -> Option<Rule> {
    let line = line.split_once(" #").map_or(line, |(rule, _)| rule).trim();
    if line.starts_with(['#', '[', '^', '!']) {
        return None;
    }
    let mut words = line.split_whitespace();
    let patterns = globs(words.next()?)?.iter().map(Glob::compile_matcher).collect();
    Some(Rule { patterns, owners: words.map(str::to_owned).collect() })
}

/// What a pattern matches: a file, and everything in a folder of that name.
fn globs(pattern: &str) -> Option<Vec<Glob>> {
    if pattern.contains('[') {
        return None;
    }
    let folder = pattern.ends_with('/');
    let bare = pattern.trim_matches('/');
    // A slash anywhere but at the end ties a pattern to the root of the repository.
    let anchored = pattern.trim_end_matches('/').contains('/');
    let start = if anchored { bare.to_owned() } else { format!("**/{bare}") };
    let inside = format!("{start}/**");
    let all = match () {
        () if bare.is_empty() => vec!["**".to_owned()],
        () if folder => vec![inside],
        // `docs/*` is what lies in `docs`, and nothing deeper.
        () if anchored && bare.ends_with("/*") => vec![start],
        () => vec![start, inside],
    };
    all.iter().map(|text| GlobBuilder::new(text).literal_separator(true).build().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# everyone, at first
*                    @platform   # a remark
/stacks/**/network/  @network @ada
stacks/*/shop.yaml   shop@example.com
clusters/*           @clusters
charts               @charts
*.json               @data
/stacks/free.yaml
[Section]
[bad                 @nobody
";

    #[test]
    fn the_last_pattern_that_matches_says_who_owns_a_file() {
        let owners = Owners::parse(TEXT);
        let table: &[(&str, &[&str])] = &[
            ("README.md", &["@platform"]),
            ("stacks/1111/eu-west-1/network/vpc.yaml", &["@network", "@ada"]),
            ("stacks/1111/shop.yaml", &["shop@example.com"]),
            ("stacks/1111/eu-west-1/shop.yaml", &["@platform"]),
            ("clusters/cluster.yaml", &["@clusters"]),
            ("clusters/shop/web.yaml", &["@platform"]),
            ("apps/charts/web/values.yaml", &["@charts"]),
            ("apps/charts/web/schema.json", &["@data"]),
            ("stacks/free.yaml", &[]),
        ];
        for (file, expected) in table {
            assert_eq!(owners.of(file), *expected, "{file}");
        }
    }

    #[test]
    fn a_repository_without_such_a_file_names_nobody() {
        assert!(Owners::default().of("stacks/vpc.yaml").is_empty());
    }
}
