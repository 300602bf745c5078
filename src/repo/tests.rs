//! On repositories that the `git` program made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{Access, Author, Draft, Entry, RepoError, Repository, Token, open};

struct Given {
    folder: TempDir,
}

impl Given {
    fn new() -> Self {
        let given = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(given.work()).unwrap();
        given.git(&["init", "--quiet", "--initial-branch=main"]);
        given
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn url(&self) -> String {
        format!("file://{}", self.work().display())
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.work())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", "author"), ("GIT_AUTHOR_EMAIL", "author@example.com")])
            .envs([("GIT_COMMITTER_NAME", "author"), ("GIT_COMMITTER_EMAIL", "author@example.com")])
            .envs([("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"), ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")])
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn open(&self, location: &str) -> Result<Repository, RepoError> {
        open(location, &self.cache(), &Access::default(), &|_| {})
    }

    fn in_place(&self) -> Repository {
        self.open(self.work().to_str().unwrap()).unwrap()
    }

    fn fetched(&self) -> Repository {
        self.open(&self.url()).unwrap()
    }
}

fn files(repository: &Repository, revision: Option<&str>) -> Vec<(String, Entry)> {
    let snapshot = repository.snapshot(&repository.commit(revision).unwrap()).unwrap();
    snapshot.entries().map(|(path, entry)| (path.to_owned(), entry.clone())).collect()
}

fn blob(text: &str) -> Entry {
    Entry::Blob(text.as_bytes().to_vec())
}

#[test]
fn a_snapshot_holds_what_is_committed_and_matters() {
    let given = Given::new();
    for path in ["groundplan.yaml", "stacks/a/b.yaml", "templates/t.yaml", ".stackctl.yaml", "docs/CODEOWNERS"] {
        given.write(path, path);
    }
    for path in ["README.md", "src/main.rs", "docs/guide.md", "stacks.txt"] {
        given.write(path, path);
    }
    given.commit("one");
    given.write("stacks/a/b.yaml", "changed");
    given.write("clusters/prod/new.yaml", "new");
    let expected: Vec<_> =
        [".stackctl.yaml", "docs/CODEOWNERS", "groundplan.yaml", "stacks/a/b.yaml", "templates/t.yaml"]
            .map(|path| (path.to_owned(), blob(path)))
            .into();
    assert_eq!(files(&given.in_place(), None), expected);
    assert_eq!(files(&given.fetched(), None), expected);
    let inside = given.open(given.work().join("stacks/a").to_str().unwrap()).unwrap();
    assert_eq!(files(&inside, None), expected);
}

#[test]
fn links_submodules_and_lfs_pointers_are_kept_as_what_they_are() {
    let given = Given::new();
    given.write("stacks/lfs.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n");
    std::os::unix::fs::symlink("../../etc/passwd", given.work().join("stacks/link.yaml")).unwrap();
    std::os::unix::fs::symlink("/", given.work().join("templates")).unwrap();
    given.git(&["add", "--all"]);
    let id = "1".repeat(40);
    given.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},clusters/sub")]);
    given.git(&["commit", "--quiet", "--message", "one"]);
    assert_eq!(
        files(&given.in_place(), None),
        [
            ("clusters/sub".to_owned(), Entry::Submodule),
            ("stacks/lfs.yaml".to_owned(), Entry::LfsPointer),
            ("stacks/link.yaml".to_owned(), Entry::Symlink("../../etc/passwd".to_owned())),
            ("templates".to_owned(), Entry::Symlink("/".to_owned())),
        ]
    );
}

#[test]
fn revisions_are_branches_tags_and_hashes() {
    let given = Given::new();
    given.write("stacks/a.yaml", "1");
    let first = given.commit("one");
    given.git(&["tag", "--annotate", "v1", "--message", "v1"]);
    given.git(&["branch", "feature/x"]);
    given.write("stacks/a.yaml", "2");
    let second = given.commit("two");
    for repository in [given.in_place(), given.fetched()] {
        let commit = |revision: Option<&str>| repository.commit(revision).unwrap().as_str().to_owned();
        assert_eq!(
            [commit(None), commit(Some("main")), commit(Some("HEAD"))],
            [second.clone(), second.clone(), second.clone()]
        );
        assert_eq!([commit(Some("v1")), commit(Some("feature/x"))], [first.clone(), first.clone()]);
        assert_eq!([commit(Some(&first)), commit(Some(&first[..9]))], [first.clone(), first.clone()]);
        assert_eq!(files(&repository, Some("v1")), [("stacks/a.yaml".to_owned(), blob("1"))]);
        let unknown = repository.commit(Some("feature/y")).unwrap_err();
        assert_eq!(unknown.hint().unwrap(), "branches with a like name: `feature/x`");
        assert!(unknown.to_string().starts_with("there is no revision `feature/y` in `"));
        assert!(repository.commit(Some(&"0".repeat(40))).is_err());
        assert!(repository.commit(Some("")).is_err());
    }
}

#[test]
fn a_copy_follows_its_remote() {
    let given = Given::new();
    given.write("stacks/a.yaml", "1");
    given.commit("one");
    given.git(&["branch", "gone"]);
    given.git(&["tag", "moving"]);
    assert!(given.fetched().commit(Some("gone")).is_ok());
    given.git(&["branch", "--delete", "--force", "gone"]);
    given.git(&["branch", "gone/deeper"]);
    given.git(&["checkout", "--quiet", "-b", "trunk"]);
    given.git(&["commit", "--quiet", "--amend", "--allow-empty", "--message", "rewritten"]);
    given.git(&["tag", "--force", "moving"]);
    let head = given.git(&["rev-parse", "HEAD"]);
    let repository = given.fetched();
    assert!(repository.commit(Some("gone")).is_err());
    assert!(repository.commit(Some("gone/deeper")).is_ok());
    for revision in [None, Some("trunk"), Some("moving")] {
        assert_eq!(repository.commit(revision).unwrap().as_str(), head);
    }
    assert_ne!(repository.commit(Some("main")).unwrap().as_str(), head);
    let copies = fs::read_dir(given.cache()).unwrap().count();
    assert_eq!(copies, 2, "one copy and its lock");
}

#[test]
fn a_broken_or_half_made_copy_is_made_anew() {
    let given = Given::new();
    given.commit("one");
    let first = given.fetched().commit(None).unwrap();
    let place = copy_of(&given.cache());
    fs::remove_file(place.join("HEAD")).unwrap();
    fs::create_dir(place.with_extension("new")).unwrap();
    fs::write(place.with_extension("new").join("config"), "half").unwrap();
    assert_eq!(given.fetched().commit(None).unwrap(), first);
    assert!(!place.with_extension("new").exists());
}

fn copy_of(cache: &Path) -> PathBuf {
    let mut entries = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.extension().is_some_and(|extension| extension == "git")).unwrap()
}

#[test]
fn a_copy_in_use_by_another_process_is_waited_for_until_the_timeout() {
    let given = Given::new();
    given.commit("one");
    given.fetched();
    let lock = fs::File::open(copy_of(&given.cache()).with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let access = Access { timeout: Duration::from_millis(200), ..Access::default() };
    let error = open(&given.url(), &given.cache(), &access, &|_| {}).unwrap_err();
    assert!(matches!(error, RepoError::Busy { .. }), "{error:?}");
    lock.unlock().unwrap();
    given.fetched();
}

#[test]
fn nothing_committed_is_an_error_of_its_own() {
    let given = Given::new();
    assert!(matches!(given.in_place().commit(None), Err(RepoError::Empty { .. })));
    assert!(matches!(given.open(&given.url()), Err(RepoError::Empty { .. })));
    assert!(!given.cache().join("x").exists() && fs::read_dir(given.cache()).unwrap().count() == 1, "only the lock");
}

#[test]
fn what_is_not_a_repository_is_told() {
    let given = Given::new();
    let empty = tempfile::tempdir().unwrap();
    let kind = |location: &str| given.open(location).unwrap_err();
    assert!(matches!(kind("/no/such/folder"), RepoError::NoFolder { .. }));
    assert!(matches!(kind(empty.path().to_str().unwrap()), RepoError::NotARepository { .. }));
    assert!(matches!(kind("file:///no/such/repo.git"), RepoError::Missing { .. }));
    assert!(matches!(kind("ssh://git@example.com/x.git"), RepoError::Scheme { .. }));
    // A port that nothing listens on, since it was just free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = kind(&format!("http://127.0.0.1:{port}/x.git"));
    assert!(matches!(error, RepoError::Unreachable { .. }), "{error:?}");
}

#[test]
fn no_error_shows_what_a_url_or_a_token_holds() {
    let given = Given::new();
    let error = given.open("https://user:hunter2@example.com/x.git").unwrap_err();
    let told = format!("{error} {error:?} {:?}", error.hint());
    assert!(matches!(error, RepoError::PasswordInUrl { .. }));
    assert!(!told.contains("hunter2") && !told.contains("user:"), "{told}");
    let access = Access { token: Some(Token::new("hunter2")), ..Access::default() };
    assert!(!format!("{access:?}").contains("hunter2"));
}

#[test]
fn too_large_a_file_is_refused_by_name() {
    let given = Given::new();
    given.write("templates/large.yaml", &"x".repeat(1024 * 1024 + 1));
    given.write("large.bin", &"x".repeat(1024 * 1024 + 1));
    given.commit("one");
    let repository = given.in_place();
    let error = repository.snapshot(&repository.commit(None).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "`templates/large.yaml` has 1048577 bytes, and a file may have 1048576");
}

#[test]
fn a_path_that_is_not_utf8_is_refused_where_it_matters() {
    use std::os::unix::ffi::OsStrExt;
    let given = Given::new();
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff.yaml");
    given.write("stacks/a.yaml", "1");
    fs::write(given.work().join(odd), "1").unwrap();
    given.commit("one");
    assert_eq!(files(&given.in_place(), None).len(), 1);
    fs::write(given.work().join("stacks").join(odd), "1").unwrap();
    given.commit("two");
    let repository = given.in_place();
    let error = repository.snapshot(&repository.commit(None).unwrap()).unwrap_err();
    assert!(error.to_string().starts_with("the path `stacks/odd\u{fffd}.yaml` of the commit "), "{error}");
}

/// A server that gives one answer to one request after a pause, and its port.
fn server_that_answers(status: &'static str, pause: Duration) -> (u16, std::thread::JoinHandle<String>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        std::thread::sleep(pause);
        // The client may have given up by now.
        let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    (port, served)
}

#[test]
fn a_server_that_denies_lacks_or_hangs_is_told_apart() {
    let given = Given::new();
    let answer = |status, token: Option<&str>, timeout, pause| {
        let (port, served) = server_that_answers(status, pause);
        let access = Access { token: token.map(Token::new), timeout };
        let error = open(&format!("http://127.0.0.1:{port}/x.git"), &given.cache(), &access, &|_| {}).unwrap_err();
        let request = served.join().unwrap();
        assert!(request.starts_with("GET /x.git/info/refs?service=git-upload-pack HTTP/1.1\r\n"), "{request}");
        assert!(!request.contains("Authorization") && !format!("{error:?}").contains("hunter2"));
        error
    };
    let (long, none) = (Duration::from_secs(60), Duration::ZERO);
    let error = answer("404 Not Found", None, long, none);
    assert!(matches!(error, RepoError::Missing { .. }), "{error:?}");
    let error = answer("401 Unauthorized", None, long, none);
    assert!(matches!(error, RepoError::Denied { token: false, .. }), "{error:?}");
    let error = answer("401 Unauthorized", Some("hunter2"), long, none);
    assert!(matches!(error, RepoError::ClearText { .. }), "{error:?}");
    let error = answer("403 Forbidden", Some("hunter2"), long, none);
    assert!(matches!(error, RepoError::Denied { token: true, .. }), "{error:?}");
    let error = answer("503 Service Unavailable", None, long, none);
    assert!(matches!(error, RepoError::Unreachable { .. }), "{error:?}");
    let error = answer("200 OK", None, Duration::from_millis(200), Duration::from_secs(1));
    assert!(matches!(error, RepoError::TimedOut { .. }), "{error:?}");
}

#[test]
fn a_new_commit_changes_its_files_and_nothing_else_and_moves_no_branch() {
    let given = Given::new();
    given.write("stacks/a.yaml", "a: 1\n");
    given.write("stacks/b.yaml", "b: 1\n");
    given.write("run", "#!/bin/sh\n");
    given.git(&["add", "--all"]);
    given.git(&["update-index", "--chmod=+x", "run"]);
    given.git(&["commit", "--quiet", "--message", "first"]);
    let before = given.git(&["rev-parse", "HEAD"]);
    let repository = given.in_place();
    let files = [("stacks/a.yaml", "a: 2\n"), ("run", "#!/bin/bash\n"), ("x/y/z.yaml", "z: 1\n")];
    let draft = Draft {
        base: repository.commit(None).unwrap(),
        files: files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into(),
        message: "second\n\nDrift-Case: d_1\n".into(),
        author: Author { name: "Groundplan".into(), email: "us@example.com".into() },
        seconds: 1_800_000_000,
    };
    let tip = repository.write(&draft).unwrap();
    assert_eq!(given.git(&["rev-parse", "HEAD"]), before, "no branch moved");
    assert_eq!(tip.parents, std::slice::from_ref(&draft.base));
    let changed = given.git(&["diff", "--raw", "--no-abbrev", &before, tip.commit.as_str()]);
    let changed: BTreeMap<_, _> =
        changed.lines().filter_map(|line| line.split_once('\t')).map(|(meta, path)| (path, &meta[1..14])).collect();
    let expected = [("run", "100755 100755"), ("stacks/a.yaml", "100644 100644"), ("x/y/z.yaml", "000000 100644")];
    assert_eq!(changed, BTreeMap::from(expected));
    assert_eq!(given.git(&["show", &format!("{}:stacks/a.yaml", tip.commit)]), "a: 2");
    assert_eq!(
        given.git(&["log", "-1", "--format=%an %ae %ct %(trailers:key=Drift-Case)", tip.commit.as_str()]),
        "Groundplan us@example.com 1800000000 Drift-Case: d_1"
    );
    given.git(&["fsck", "--strict"]);
    assert_eq!(repository.write(&draft).unwrap(), tip, "the same draft is the same commit");
    assert_eq!(repository.tip("main").unwrap().unwrap().commit, draft.base);
    assert_eq!(repository.tip("other").unwrap(), None);
}
