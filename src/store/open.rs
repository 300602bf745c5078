//! Opening a store: where it is, and the steps from an empty database to today's tables.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::{Dialect, Store, StoreError};
use crate::unit::Secret;

/// Where a store is.
#[derive(Clone)]
pub enum StoreLocation {
    /// A SQLite file: for one machine.
    File(PathBuf),
    /// A `postgres://` address, which holds a password: for several replicas.
    Postgres(Secret),
}

/// Longer than a drift run and the service ever hold each other up.
const BUSY: Duration = Duration::from_secs(10);
const CONNECTIONS: u32 = 4;

impl StoreLocation {
    /// Reads what an operator wrote: an address of PostgreSQL, else a path.
    pub fn parse(text: &str) -> Self {
        match text.starts_with("postgres://") || text.starts_with("postgresql://") {
            true => Self::Postgres(Secret::new(text)),
            false => Self::File(PathBuf::from(text)),
        }
    }

    /// The address that the driver takes.
    fn url(&self) -> Secret {
        match self {
            Self::Postgres(url) => url.clone(),
            // The driver decodes the path, so the letters that mean something in an address are written out.
            Self::File(path) => {
                let path = path.display().to_string();
                let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
                Secret::new(format!("sqlite://{path}?mode=rwc"))
            }
        }
    }

    fn dialect(&self) -> Dialect {
        match self {
            Self::File(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl fmt::Display for StoreLocation {
    /// As messages name it: an address without whatever opens it.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(to),
            Self::Postgres(url) => {
                let place = url.expose().split("://").nth(1).unwrap_or_default();
                let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
                write!(to, "postgres://{}", place.split('?').next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for StoreLocation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{self}")
    }
}

impl From<PathBuf> for StoreLocation {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl Store {
    /// Opens a SQLite file, or makes it.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::at(&StoreLocation::File(path.to_owned())).await
    }

    /// Opens a store, and brings its tables up to date.
    pub async fn at(location: &StoreLocation) -> Result<Self, StoreError> {
        install_default_drivers();
        if let StoreLocation::File(path) = location {
            keep_private(path).map_err(|source| StoreError::Folder { location: location.to_string(), source })?;
        }
        let dialect = location.dialect();
        let options = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(BUSY * 3);
        let options = options.after_connect(move |connection, _| Box::pin(prepare(connection, dialect)));
        let pool = options.connect(location.url().expose()).await;
        let pool = pool.map_err(|source| StoreError::Open { location: location.to_string(), source })?;
        let migrated = migrator(dialect).run(&pool).await;
        migrated.map_err(|source| StoreError::Migrate { location: location.to_string(), source })?;
        Ok(Self { pool, dialect })
    }
}

/// What a new connection is told first.
async fn prepare(connection: &mut sqlx::AnyConnection, dialect: Dialect) -> Result<(), sqlx::Error> {
    let pragmas: Arc<[String]> = match dialect {
        // A drift run and the service may write in the same moment.
        Dialect::Sqlite => [
            format!("PRAGMA busy_timeout = {}", BUSY.as_millis()),
            "PRAGMA journal_mode = WAL".to_owned(),
            "PRAGMA synchronous = NORMAL".to_owned(),
        ]
        .into(),
        Dialect::Postgres => [format!("SET lock_timeout = {}", BUSY.as_millis())].into(),
    };
    for pragma in pragmas.iter() {
        sqlx::raw_sql(AssertSqlSafe(pragma.clone())).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The steps from an empty database to today's tables. A step that was released is never edited.
fn migrator(dialect: Dialect) -> Migrator {
    let steps: &[(i64, &'static str, &'static str)] = match dialect {
        Dialect::Sqlite => &[
            (1, "what was applied, and cases", include_str!("sqlite/1_applied_and_cases.sql")),
            (2, "cases by key, outbox, audit", include_str!("sqlite/2_triage.sql")),
            (3, "numbers, leases, looks", include_str!("sqlite/3_numbers.sql")),
            (4, "threads", include_str!("threads.sql")),
        ],
        Dialect::Postgres => {
            &[(1, "all tables", include_str!("postgres/1_today.sql")), (2, "threads", include_str!("threads.sql"))]
        }
    };
    let step = |&(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(steps.iter().map(step).collect())
}

/// Makes the file for its owner only, where it is not there yet: it holds the key of digests.
fn keep_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_in_no_message() {
        let location = StoreLocation::parse("postgres://ada:s3cr@t@db.example/groundplan?password=s3cret");
        assert_eq!(
            format!("{location} {location:?}"),
            "postgres://db.example/groundplan postgres://db.example/groundplan"
        );
        assert_eq!(StoreLocation::parse("state/100%.db").url().expose(), "sqlite://state/100%25.db?mode=rwc");
    }
}
