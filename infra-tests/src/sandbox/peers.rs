//! Other deployers of CloudFormation, installed once for the benchmark: Sceptre and the AWS CDK.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{cache, say};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
const REQUIREMENTS: &str = include_str!("../../peers/requirements.txt");
const PACKAGE: &str = include_str!("../../peers/package.json");
const LOCK: &str = include_str!("../../peers/package-lock.json");
/// Sceptre's script names the folder it was installed in, which was renamed since.
const SCEPTRE: &str = "import sys; from sceptre.cli import cli; sys.argv[0] = 'sceptre'; cli()";

/// A program and the arguments that stand before the user's own.
#[derive(Clone, Debug)]
pub struct Peer {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub version: String,
}

/// Sceptre, in a virtual environment of its own.
pub fn sceptre() -> Result<Peer> {
    let python = run(Command::new("python3").arg("--version"))?;
    let folder = cache::built("sceptre", &[REQUIREMENTS, &python], |folder| {
        say("installing Sceptre: once, some seconds");
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"];
        run(Command::new(folder.join("bin/python3")).args(install).arg(Path::new(FOLDER).join("requirements.txt")))?;
        Ok(())
    })?;
    let version = pinned(REQUIREMENTS, "sceptre==");
    Ok(Peer { program: folder.join("bin/python3"), arguments: vec!["-c".into(), SCEPTRE.into()], version })
}

/// The command line of the AWS CDK.
pub fn cdk() -> Result<Peer> {
    let folder = cache::built("cdk", &[PACKAGE, LOCK], |folder| {
        say("installing the AWS CDK's command line: once, some seconds");
        std::fs::write(folder.join("package.json"), PACKAGE)?;
        std::fs::write(folder.join("package-lock.json"), LOCK)?;
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--prefix"]).arg(folder))?;
        Ok(())
    })?;
    let script = folder.join("node_modules/aws-cdk/bin/cdk").display().to_string();
    let version = pinned(PACKAGE, "\"aws-cdk\": \"");
    Ok(Peer { program: "node".into(), arguments: vec![script], version })
}

fn pinned(text: &str, before: &str) -> String {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect()
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_that_are_pinned() {
        for version in [pinned(REQUIREMENTS, "sceptre=="), pinned(PACKAGE, "\"aws-cdk\": \"")] {
            assert_eq!(version.split('.').filter(|part| part.parse::<u32>().is_ok()).count(), 3, "{version}");
        }
    }
}
