//! What every command does first: settings, a commit, what it declares, which part is meant.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::arguments::{Format, Target};
use super::exit::CommandError;
use super::settings::{OperatorArguments, Settings};
use crate::aws::Aws;
use crate::declaration::{Declaration, Environment};
use crate::engine::{Engine, Selection};
use crate::graph::Stop;
use crate::kinds;
use crate::problem::Problems;
use crate::repo::{self, RepoError, Repository};
use crate::store::{Store, StoreError};
use crate::terminal::problems_text;

/// One command's way to everything.
pub(super) struct Session {
    pub(super) settings: Settings,
    pub(super) engine: Arc<Engine>,
    pub(super) target: Target,
    pub(super) repository: Arc<Repository>,
    store: OnceCell<Store>,
}

/// A commit that was read, with whatever is wrong with it.
pub(super) struct Checked {
    pub(super) declaration: Declaration,
    pub(super) problems: Problems,
}

impl Session {
    pub(super) async fn begin(operator: &OperatorArguments, target: Target) -> Result<Self, CommandError> {
        let settings = Settings::load(operator)?;
        let aws = Aws::new(settings.aws.clone());
        let engine = Arc::new(Engine::new(kinds::all(&aws, settings.kubeconfig.clone())));
        let repository = open(&target.repo, &settings).await?;
        Ok(Self { settings, engine, target, repository, store: OnceCell::new() })
    }

    /// Reads the commit that is asked for, whatever may be wrong with it.
    ///
    /// Without `--revision` an environment's own branch counts, and that stands in the repository:
    /// so HEAD is read first to learn it.
    pub(super) async fn check(&self) -> Result<Checked, CommandError> {
        let checked = self.check_at(self.target.revision.as_deref()).await?;
        let branch = match (&self.target.revision, self.environment(&checked.declaration)) {
            (None, Ok(environment)) => environment.branch.clone(),
            (Some(_), _) | (None, Err(_)) => None,
        };
        match branch {
            Some(branch) => self.check_at(Some(&branch)).await,
            None => Ok(checked),
        }
    }

    async fn check_at(&self, revision: Option<&str>) -> Result<Checked, CommandError> {
        let (repository, revision) = (Arc::clone(&self.repository), revision.map(str::to_owned));
        let snapshot = tokio::task::spawn_blocking(move || {
            let commit = repository.commit(revision.as_deref())?;
            repository.snapshot(&commit)
        });
        let snapshot = snapshot.await.expect("reading a commit does not panic").map_err(hinted)?;
        let (declaration, problems) = self.engine.check(&snapshot);
        Ok(Checked { declaration, problems })
    }

    /// Reads the commit, tells what is wrong with it, and goes on only where nothing is.
    pub(super) async fn declaration(&self) -> Result<Declaration, CommandError> {
        let Checked { declaration, problems } = self.check().await?;
        anstream::eprint!("{}", problems_text(&problems));
        match problems.errors.is_empty() {
            true => Ok(declaration),
            false => Err(CommandError::invalid()),
        }
    }

    /// The environment that is asked for, or the only one there is.
    pub(super) fn environment<'a>(&self, declaration: &'a Declaration) -> Result<&'a Environment, CommandError> {
        let names: Vec<_> = declaration.environments.iter().map(|environment| environment.name.as_str()).collect();
        match (&self.target.environment, declaration.environments.as_slice()) {
            (Some(name), _) => declaration.environment(name).ok_or_else(|| {
                let error = CommandError::usage(format!("there is no environment `{name}`"));
                error.hint(format!("there is {}", names.join(", ")))
            }),
            (None, [only]) => Ok(only),
            (None, _) => {
                let error = CommandError::usage("this repository has more than one environment");
                Err(error.hint(format!("say which: --environment {}", names.join(" or "))))
            }
        }
    }

    pub(super) fn select<'a>(&self, declaration: &'a Declaration) -> Result<Selection<'a>, CommandError> {
        let environment = self.environment(declaration)?;
        Selection::new(declaration, environment, &self.target.only).map_err(CommandError::usage)
    }

    /// The store, opened by whoever asks first.
    pub(super) async fn open_store(&self) -> Result<Store, StoreError> {
        self.store.get_or_try_init(|| Store::at(&self.settings.store)).await.cloned()
    }

    /// The store, where it can be had: without it history is lost, and nothing else.
    pub(super) async fn store(&self) -> Option<Store> {
        match self.open_store().await {
            Ok(store) => Some(store),
            Err(error) => {
                anstream::eprintln!("warning: {}; going on without history", crate::plan::chain(&error));
                None
            }
        }
    }

    pub(super) fn wants_json(&self) -> bool {
        self.target.format == Format::Json
    }
}

async fn open(location: &str, settings: &Settings) -> Result<Arc<Repository>, CommandError> {
    let (location, cache, access) = (location.to_owned(), settings.cache.clone(), settings.git.clone());
    let tell = |what: &str| anstream::eprintln!("{what}");
    let opened = tokio::task::spawn_blocking(move || repo::open(&location, Path::new(&cache), &access, &tell));
    Ok(Arc::new(opened.await.expect("opening a repository does not panic").map_err(hinted)?))
}

fn hinted(error: RepoError) -> CommandError {
    let hint = error.hint();
    let error = CommandError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Until somebody presses Ctrl-C, or whoever started the process asks it to end.
pub(super) async fn interrupted() {
    let ended = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut asked) => _ = asked.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = ended => {}
    }
}

/// Asks a run to stop at the first Ctrl-C, and leaves at the second.
pub(super) fn stop_on_interrupt() -> Stop {
    let stop = Stop::default();
    let asked = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            anstream::eprintln!("stopping: what is under way is left to end; press Ctrl-C again to leave at once");
            asked.ask();
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            anstream::eprintln!("left. Run the same command again: it goes on where the world stands.");
            std::process::exit(130);
        }
    });
    stop
}
