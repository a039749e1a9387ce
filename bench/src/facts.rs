//! What the figures depend on: the machine and the versions. No names of hosts, no paths.

use crate::gateway::Peer;
use std::fs;
use std::process::Command;

/// One line each, with the versions of those of `peers` that are installed.
pub fn lines(peers: &[&Peer]) -> Vec<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&cpu, "model name").unwrap_or("unknown");
    let count = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let virtual_machine = if cpu.contains(" hypervisor") { ", in a virtual machine" } else { "" };
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 =
        field(&memory, "MemTotal").and_then(|v| v.trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim().to_owned();
    let own = ["/usr/sbin/nginx -v", "/usr/sbin/haproxy -v", "rustc -V"].map(version);
    vec![
        format!("{count} × {model}{virtual_machine}, {} GiB, Linux {kernel}", kib / 1024 / 1024),
        own.into_iter().chain(peers.iter().filter_map(|peer| peer.version())).collect::<Vec<_>>().join(", "),
    ]
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

/// The first words that a program says about itself; `command` is its path and the flag that asks for them.
fn version(command: &str) -> String {
    let (program, flag) = command.split_once(' ').unwrap_or((command, "--version"));
    let Ok(output) = Command::new(program).arg(flag).output() else {
        return format!("no {program}");
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let first = text.lines().next().unwrap_or_default().trim_start_matches("nginx version: ");
    // What follows in brackets is a commit.
    first.split(' ').take(3).take_while(|word| !word.starts_with('(')).collect::<Vec<_>>().join(" ")
}
