//! Where things are: the root of the workspace and its target directory.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// This workspace as cargo sees it.
#[derive(Debug)]
pub(crate) struct Workspace {
    metadata: Metadata,
    program: PathBuf,
}

impl Workspace {
    /// Asks cargo; reads manifests only, so it works without network and before any build.
    pub(crate) fn load() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .no_deps()
            .exec()
            .context("cargo metadata of this workspace")?;
        // A build may put another program in its place, after which the system calls it deleted.
        let program = env::current_exe().context("where this program is")?;
        Ok(Self { metadata, program })
    }

    /// The folder of the root manifest.
    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// Where cargo builds, `CARGO_TARGET_DIR` included.
    pub(crate) fn target_dir(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// Members with their direct dependencies.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// A path below the root.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root().join(below)
    }

    /// This very program.
    pub(crate) fn xtask(&self) -> Command {
        Command::new(&self.program)
    }

    /// `cargo` in the root, without the variables that `cargo run` set for this program: they
    /// would make build scripts of the nested build run again.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(self.root());
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            {
                command.env_remove(name.as_ref());
            }
        }
        command
    }
}
