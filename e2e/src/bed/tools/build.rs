//! Building one Go module, with a counter of compiled packages.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use super::table::Module;
use crate::{
    command,
    error::{Error, FileContext, Result},
    progress::Step,
};

/// Builds into a folder beside `target` and moves it there when all is done, so that an interrupted build
/// leaves nothing that looks finished.
pub(super) fn module(module: &Module, source: &Path, target: &Path) -> Result<()> {
    let mut step = Step::start(format!("compile {}", module.title));
    let packages = command::output(go(source).args(["list", "-deps", module.pattern()]))?.lines().count();
    let unfinished = target.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).context("remove", &unfinished)?;
    }
    fs::create_dir_all(&unfinished).context("create", &unfinished)?;
    let result = if module.has_many() { unfinished.clone() } else { unfinished.join(module.name) };
    let mut build = go(source);
    build.args(["build", "-v", "-trimpath", "-mod=readonly", "-buildvcs=false"]);
    build.args(module.flags()).arg("-o").arg(&result).arg(module.pattern());
    watch(&mut build, |compiled| step.at(compiled, packages))?;
    if target.exists() {
        fs::remove_dir_all(target).context("remove", target)?;
    }
    fs::rename(&unfinished, target).context("rename to", target)?;
    step.done();
    Ok(())
}

fn go(source: &Path) -> Command {
    let mut go = Command::new("go");
    // Static programs: the same binary serves on the host, in a namespace and as an image's only file.
    go.current_dir(source).env("CGO_ENABLED", "0");
    go
}

/// Runs `go build -v`, which prints a line for each package that it compiles.
fn watch(build: &mut Command, mut compiled: impl FnMut(usize)) -> Result<()> {
    let shown = command::show(build);
    let start = |source| Error::Start { command: shown.clone(), source };
    let mut child = build.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(start)?;
    let (mut count, mut said) = (0, String::new());
    for line in child.stderr.take().into_iter().flat_map(|stderr| BufReader::new(stderr).lines()) {
        let line = line.map_err(start)?;
        if line.contains(' ') {
            // Not a package's path: downloads, then errors.
            said.push_str(&line);
            said.push('\n');
        } else {
            count += 1;
            compiled(count);
        }
    }
    let status = child.wait().map_err(start)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command { command: shown, status, output: command::tail(&said) })
}
