//! The product on a cluster, as a user of its own with folders of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::process::Command;

use super::runner::commit;
use super::users::{CONTEXT, User};
use crate::product::Product;
use crate::sandbox::Sandbox;

pub(super) struct Tenant<'a> {
    sandbox: &'a Sandbox,
    pub user: User,
    pub folder: PathBuf,
}

impl<'a> Tenant<'a> {
    pub(super) async fn new(sandbox: &'a Sandbox, name: &str) -> Result<Self> {
        let folder = sandbox.logs().join("bench").join(name);
        fs::create_dir_all(&folder)?;
        let user = User::new(sandbox.cluster(), name, &folder).await?;
        Ok(Self { sandbox, user, folder })
    }

    /// A repository with the cluster and what `write` puts into the cluster's folder.
    pub(super) fn repository(&self, name: &str, write: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let source = self.folder.join(name);
        let cluster = source.join("clusters/bench");
        fs::create_dir_all(&cluster)?;
        fs::write(cluster.join("cluster.yaml"), format!("kubeconfig: {{context: {CONTEXT}}}\n"))?;
        // What another repository made is never a leftover of this one.
        fs::write(source.join("groundplan.yaml"), format!("repository: {name}\n"))?;
        write(&cluster)?;
        commit(&source)?;
        Ok(source)
    }

    /// The product over a repository.
    pub(super) fn command(&self, source: &Path, arguments: &[&str]) -> Result<Command> {
        let in_folder = |name: &str| self.folder.join(name).display().to_string();
        let product = Product::at(self.sandbox)?
            .with("KUBECONFIG", self.user.kubeconfig.display().to_string())
            .with("GROUNDPLAN_REPO", source.display().to_string())
            .with("GROUNDPLAN_STORE", in_folder("store.db"))
            .with("XDG_CACHE_HOME", in_folder("cache"));
        Ok(product.command(arguments))
    }

    /// Loses whatever the product keeps on this machine.
    pub(super) fn forget(&self) -> Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name == "cache" {
                fs::remove_dir_all(&path)?;
            } else if name.starts_with("store.db") {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}
