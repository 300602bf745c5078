//! Branches pushed by the real `git` to a bare repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::repo::{self, Access};

struct Given {
    folder: TempDir,
}

impl Given {
    fn new() -> Self {
        let given = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(given.bare()).expect("a folder");
        given.git(&["init", "--quiet", "--bare", "--initial-branch=main"]);
        let tree = given.git(&["hash-object", "-w", "-t", "tree", "/dev/null"]);
        let commit = given.git(&["commit-tree", &tree, "-m", "first"]);
        given.git(&["update-ref", "refs/heads/main", &commit]);
        given
    }

    fn bare(&self) -> PathBuf {
        self.folder.path().join("shop.git")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = git(&self.bare()).args(arguments).output().expect("git is there");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// By way of a copy, as a URL is read.
    fn repository(&self) -> Arc<Repository> {
        let url = format!("file://{}", self.bare().display());
        Arc::new(repo::open(&url, &self.folder.path().join("cache"), &Access::default(), &|_| ()).expect("a copy"))
    }

    async fn propose(&self, text: &str, read: &[&str]) -> Result<Proposed, ForgeError> {
        let repository = self.repository();
        let files = [("groundplan.yaml".to_owned(), text.as_bytes().to_vec())].into();
        let base = repository.commit(None).expect("a commit");
        let proposal = Proposal { base, files, ..proposal::tests::proposal() };
        let read: Vec<_> = read.iter().map(|branch| (*branch).to_owned()).collect();
        Forge::new(ForgeSettings::default()).propose(repository, &proposal, &read).await
    }
}

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(folder).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let names = ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"];
    git.envs(names.map(|name| (name, "somebody@example.com"))).env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", folder);
    git
}

const BRANCH: &str = "groundplan/ignore/d_1";

#[tokio::test]
async fn a_proposal_is_one_branch_that_is_brought_up_to_date() {
    let given = Given::new();
    let main = given.git(&["rev-parse", "main"]);
    let first = given.propose("a: 1\n", &[]).await.expect("pushed");
    assert_eq!((first.branch.as_str(), &first.link), (BRANCH, &None));
    assert_eq!(given.git(&["show", &format!("{BRANCH}:groundplan.yaml")]), "a: 1");
    assert_eq!(given.propose("a: 1\n", &[]).await.expect("it stands"), first, "twice is once");
    given.propose("a: 2\n", &[]).await.expect("pushed");
    assert_eq!(given.git(&["show", &format!("{BRANCH}:groundplan.yaml")]), "a: 2");
    assert_eq!(given.git(&["rev-parse", &format!("{BRANCH}^")]), main, "one commit on what was read");
    assert_eq!(given.git(&["for-each-ref", "--format=%(refname:short)"]), format!("{BRANCH}\nmain"));
    assert_eq!(given.git(&["rev-parse", "main"]), main);
    given.git(&["update-ref", "-d", &format!("refs/heads/{BRANCH}")]);
    given.propose("a: 2\n", &[]).await.expect("a branch that was deleted is made again");
}

#[tokio::test]
async fn a_branch_that_is_read_or_somebody_elses_is_left_alone() {
    let given = Given::new();
    let read = given.propose("a: 1\n", &[BRANCH]).await;
    assert!(matches!(read, Err(ForgeError::BranchIsRead { .. })), "{read:?}");
    let theirs = given.git(&["commit-tree", "main^{tree}", "-p", "main", "-m", "theirs"]);
    given.git(&["update-ref", &format!("refs/heads/{BRANCH}"), &theirs]);
    let refused = given.propose("a: 1\n", &[]).await;
    assert!(matches!(refused, Err(ForgeError::BranchIsAnothers { .. })), "{refused:?}");
    assert_eq!(given.git(&["rev-parse", BRANCH]), theirs);
}

#[tokio::test]
async fn a_branch_that_moved_since_it_was_read_is_not_written_over() {
    let given = Given::new();
    given.propose("a: 1\n", &[]).await.expect("pushed");
    let repository = given.repository();
    let theirs = given.git(&["commit-tree", "main^{tree}", "-p", BRANCH, "-m", "theirs"]);
    given.git(&["update-ref", &format!("refs/heads/{BRANCH}"), &theirs]);
    let files = [("groundplan.yaml".to_owned(), b"a: 2\n".to_vec())].into();
    let base = repository.commit(None).expect("a commit");
    let proposal = Proposal { base, files, at: Timestamp::UNIX_EPOCH, ..proposal::tests::proposal() };
    let refused = Forge::new(ForgeSettings::default()).propose(repository, &proposal, &[]).await;
    assert!(matches!(refused, Err(ForgeError::Moved { .. })), "{refused:?}");
    assert_eq!(given.git(&["rev-parse", BRANCH]), theirs);
}

#[tokio::test]
async fn what_a_repository_refuses_is_told() {
    let given = Given::new();
    let hook = given.bare().join("hooks/pre-receive");
    std::fs::write(&hook, "#!/bin/sh\necho 'only on Mondays' >&2\nexit 1\n").expect("a hook");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, executable).expect("it may run");
    let refused = given.propose("a: 1\n", &[]).await.expect_err("the hook says no").to_string();
    assert!(refused.contains(BRANCH) && refused.contains("only on Mondays"), "{refused}");
}
