//! Charts that stand elsewhere: fetched once by their digest, and never again.
//!
//! What a commit means must not change without a commit, so a chart is named by its version and by its digest;
//! what is kept is proven by that digest each time it is used. Rendering has no network.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::program::{LARGEST, Programs, Tool};
use super::spec::ChartSpec;
use crate::problem::Problem;
use crate::yaml::Node;

/// A chart in an OCI registry or in a chart repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Elsewhere {
    place: Place,
    version: String,
    /// 64 hexadecimal digits.
    digest: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    /// `oci://registry.example.com/acme/charts/shop`. The digest is that of its manifest, as `helm push` and `helm pull` print it.
    Registry(String),
    /// `https://charts.acme.io` and the chart's name. The digest is that of the archive, as `index.yaml` says it.
    Repository(String, String),
}

impl Elsewhere {
    /// What `chart:` of workload.yaml says of a chart elsewhere; none where it means one of this repository.
    pub(super) fn of(spec: &ChartSpec, node: &Node) -> Result<Option<Self>, Problem> {
        let Some(from) = &spec.from else {
            return match ["name", "version", "digest"].into_iter().find_map(|key| node.get(key)) {
                None => Ok(None),
                Some(stray) => {
                    Err(stray.problem("this says which chart is fetched, and `from` does not say from where").hint(
                        "write `from: oci://…` or `from: https://…`, or leave it away for a chart of this repository",
                    ))
                }
            };
        };
        let at = node.get("from").unwrap_or(node);
        if let Some(path) = node.get("path") {
            return Err(path.problem("a chart stands in this repository or elsewhere, and not both"));
        }
        let place = place_of(from, spec.name.as_deref(), at)?;
        let demanded =
            |key: &str, why: &str| node.problem(format!("a chart from elsewhere needs its `{key}`")).hint(why);
        let version = spec.version.clone().ok_or_else(|| demanded("version", "write the exact version: `1.2.3`"))?;
        if !is_exact(&version) {
            let at = node.get("version").unwrap_or(node);
            return Err(at.problem(format!("`{version}` is no exact version")).hint("write it as `1.2.3`"));
        }
        let digest = spec.digest.as_deref().ok_or_else(|| {
            demanded(
                "digest",
                "write `digest: sha256:…`, as `helm pull` prints it or the repository's index.yaml says it",
            )
        })?;
        let hexadecimal = digest.strip_prefix("sha256:").unwrap_or(digest);
        if hexadecimal.len() != 64 || !hexadecimal.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            let at = node.get("digest").unwrap_or(node);
            return Err(at.problem("this is no digest").hint("write `sha256:` and 64 hexadecimal digits"));
        }
        Ok(Some(Self { place, version, digest: hexadecimal.to_owned() }))
    }

    /// The archive, from what was kept or fetched now.
    pub(super) fn archive(&self, programs: &Programs, cache: Option<&Path>) -> Result<Vec<u8>, String> {
        let cache = cache.map(|folder| folder.join("charts"));
        if let Some(kept) = cache.as_deref().and_then(|folder| self.kept(folder)) {
            return Ok(kept);
        }
        let archive = self.fetch(programs)?;
        if let Some(folder) = cache {
            // A cache that cannot be written only costs time.
            _ = super::rendering::keep(&folder.join(self.kept_name(&digest_of(&archive))), &archive);
        }
        Ok(archive)
    }

    /// What was kept, where it is still what it was.
    fn kept(&self, folder: &Path) -> Option<Vec<u8>> {
        let paths = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        paths.filter(|path| self.is_mine(path)).find_map(|path| {
            let bytes = fs::read(&path).ok()?;
            let is_whole = path.file_name()?.to_str()? == self.kept_name(&digest_of(&bytes));
            is_whole.then_some(bytes)
        })
    }

    fn is_mine(&self, path: &Path) -> bool {
        let start = format!("{}-{}-", self.digest, self.version);
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&start))
    }

    /// A registry's digest names a manifest that names the archive, so both stand in the name; and the version,
    /// so that a new one with a digest that was forgotten is not taken for the old one.
    fn kept_name(&self, archive: &str) -> String {
        format!("{}-{}-{archive}.tgz", self.digest, self.version)
    }

    fn fetch(&self, programs: &Programs) -> Result<Vec<u8>, String> {
        let program = programs.find(Tool::Helm)?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        fs::create_dir(folder.path().join("out")).map_err(|error| error.to_string())?;
        program.fetch(folder.path(), &self.arguments()).map_err(|why| self.refusal(&why))?;
        let entries = fs::read_dir(folder.path().join("out")).map_err(|error| error.to_string())?;
        let archives: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        let [archive] = archives.as_slice() else { return Err("helm did not bring one archive".to_owned()) };
        let size = fs::metadata(archive).map_err(|error| error.to_string())?.len();
        if size >= LARGEST {
            return Err(format!("the chart has {size} bytes, and at most {LARGEST} are taken"));
        }
        let bytes = fs::read(archive).map_err(|error| error.to_string())?;
        let found = digest_of(&bytes);
        match &self.place {
            // Helm has compared the manifest with the digest in the name, and the archive with the manifest.
            Place::Registry(_) => Ok(bytes),
            Place::Repository(..) if found == self.digest => Ok(bytes),
            Place::Repository(..) => Err(format!(
                "{} has the digest sha256:{found}, and workload.yaml says sha256:{}",
                self.name(),
                self.digest
            )),
        }
    }

    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["pull".to_owned()];
        match &self.place {
            Place::Registry(from) => {
                words.push(format!("{from}:{}@sha256:{}", self.version, self.digest));
                if is_here(from) {
                    words.push("--plain-http".into());
                }
            }
            Place::Repository(from, name) => {
                words.extend([name, "--repo", from, "--version", &self.version].map(str::to_owned));
            }
        }
        words.extend(["--destination", "out"].map(str::to_owned));
        words
    }

    fn refusal(&self, why: &str) -> String {
        // The last line is the error; before it, helm tells what it did.
        let line = why.lines().last().unwrap_or(why).trim_start_matches("Error: ");
        match line.contains("digest mismatch") {
            true => format!("{} has another digest than workload.yaml says: {line}", self.name()),
            false => format!("{} cannot be fetched: {line}", self.name()),
        }
    }

    fn name(&self) -> String {
        match &self.place {
            Place::Registry(from) => format!("`{from}:{}`", self.version),
            Place::Repository(from, name) => format!("chart `{name}` {} of {from}", self.version),
        }
    }
}

fn place_of(from: &str, name: Option<&str>, at: &Node) -> Result<Place, Problem> {
    let host = from.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    if host.contains('@') {
        // The excerpt of the line would repeat it.
        let problem = at.problem("credentials do not belong into the repository");
        return Err(Problem { line_text: None, ..problem }
            .hint("log in where this runs: `helm registry login`, or HELM_REGISTRY_CONFIG"));
    }
    let is_secure = from.starts_with("https://") || (from.starts_with("http://") && is_here(from));
    match (from.starts_with("oci://"), is_secure, name) {
        _ if host.is_empty() => Err(at
            .problem(format!("`{from}` is no place to fetch a chart from"))
            .hint("write `oci://registry.example.com/acme/charts/shop` or `https://charts.acme.io`")),
        (true, _, None) if !from[6..].trim_matches('/').contains('/') => Err(at
            .problem(format!("`{from}` names no chart"))
            .hint("write `oci://registry.example.com/acme/charts/shop`")),
        (true, _, None) => Ok(Place::Registry(from.trim_end_matches('/').to_owned())),
        (true, _, Some(_)) => {
            Err(at.problem("`name` is for chart repositories: in a registry the name ends the address"))
        }
        (false, true, Some(name)) if !name.starts_with('-') => {
            Ok(Place::Repository(from.trim_end_matches('/').to_owned(), name.to_owned()))
        }
        (false, true, _) => {
            Err(at.problem("a chart repository holds many charts").hint("write its `name` beside `from`"))
        }
        (false, false, _) => Err(at
            .problem(format!("`{from}` is no place to fetch a chart from"))
            .hint("write `oci://registry.example.com/acme/charts/shop` or `https://charts.acme.io`")),
    }
}

/// A registry on this machine has no certificate; the digest proves what comes.
fn is_here(from: &str) -> bool {
    let host = from.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    matches!(host.rsplit_once(':').map_or(host, |(name, _)| name), "127.0.0.1" | "localhost")
}

/// A range would mean another chart tomorrow.
fn is_exact(version: &str) -> bool {
    let number = version.strip_prefix('v').unwrap_or(version);
    let core = number.split(['-', '+']).next().unwrap_or_default();
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    core.split('.').count() == 3
        && core.split('.').all(is_digits)
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+'))
}

fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn read(text: &str) -> Result<Option<Elsewhere>, String> {
        let node = yaml::parse_one("workload.yaml", text.as_bytes()).expect("valid");
        let spec: ChartSpec = yaml::read(&node).expect("its keys are known");
        Elsewhere::of(&spec, &node).map_err(|problem| problem.message)
    }

    #[test]
    fn a_chart_is_named_by_its_place_its_version_and_its_digest() {
        let digest = format!("digest: sha256:{}", "a".repeat(64));
        let oci = format!("from: oci://registry.example.com/acme/shop\nversion: 1.2.3\n{digest}\n");
        let found = read(&oci).expect("it is right").expect("it is elsewhere");
        assert_eq!(
            found.arguments()[1],
            format!("oci://registry.example.com/acme/shop:1.2.3@sha256:{}", "a".repeat(64))
        );
        let http = format!("from: https://charts.acme.io/\nname: shop\nversion: v1.2.3-rc.1\n{digest}\n");
        let found = read(&http).expect("it is right").expect("it is elsewhere");
        assert_eq!(found.arguments()[1..4], ["shop", "--repo", "https://charts.acme.io"]);
        assert_eq!(read("path: ../charts/shop\n"), Ok(None));
    }

    #[test]
    fn what_would_mean_another_chart_tomorrow_is_refused() {
        let digest = format!("digest: sha256:{}\n", "a".repeat(64));
        for (text, why) in [
            ("from: oci://registry.example.com/acme/shop\nversion: 1.2.3\n".to_owned(), "needs its `digest`"),
            (format!("from: oci://registry.example.com/acme/shop\n{digest}"), "needs its `version`"),
            (format!("from: oci://registry.example.com/acme/shop\nversion: ^1.2\n{digest}"), "no exact version"),
            (format!("from: oci://registry.example.com/acme/shop\nversion: 1.2.3 --x\n{digest}"), "no exact version"),
            ("from: oci://registry.example.com/acme/shop\nversion: 1.2.3\ndigest: abc\n".to_owned(), "no digest"),
            (format!("from: http://charts.acme.io\nname: a\nversion: 1.2.3\n{digest}"), "no place to fetch"),
            (format!("from: https://u:p@charts.acme.io\nname: a\nversion: 1.2.3\n{digest}"), "credentials"),
            (format!("from: https://charts.acme.io\nversion: 1.2.3\n{digest}"), "holds many charts"),
            (format!("from: oci://registry.example.com\nversion: 1.2.3\n{digest}"), "names no chart"),
            ("version: 1.2.3\n".to_owned(), "does not say from where"),
            (format!("from: oci://registry.example.com/a/b\npath: x\nversion: 1.2.3\n{digest}"), "not both"),
        ] {
            let refused = read(&text).expect_err(&text);
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn what_is_kept_is_used_only_while_it_is_what_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let digest = digest_of(b"archive");
        let text = format!("from: https://charts.acme.io\nname: shop\nversion: 1.2.3\ndigest: sha256:{digest}\n");
        let chart = read(&text).expect("it is right").expect("it is elsewhere");
        fs::write(folder.path().join(chart.kept_name(&digest)), b"archive").expect("written");
        assert_eq!(chart.kept(folder.path()).as_deref(), Some(&b"archive"[..]));
        fs::write(folder.path().join(chart.kept_name(&digest)), b"another").expect("written");
        assert_eq!(chart.kept(folder.path()), None);
    }
}
