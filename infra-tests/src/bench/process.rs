//! What Linux tells about processes: time on a processor, memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Linux counts a process's time in hundredths of a second, on every machine.
const TICK: Duration = Duration::from_millis(10);

/// Time that a process spent on a processor, in user space and in the kernel.
pub(super) fn time_of(process: u32) -> Result<Duration> {
    let fields = fields(&format!("/proc/{process}/stat"))?;
    Ok(TICK * (fields[0] + fields[1]))
}

/// The same of this process.
pub(super) fn own_time() -> Result<Duration> {
    time_of(std::process::id())
}

/// The same of all of this process's children that have ended, and of theirs.
pub(super) fn time_of_ended_children() -> Result<Duration> {
    let fields = fields("/proc/self/stat")?;
    Ok(TICK * (fields[2] + fields[3]))
}

/// utime, stime, cutime, cstime.
fn fields(path: &str) -> Result<[u32; 4]> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    // The name of a program, in parentheses, may hold anything.
    let (_, rest) = text.rsplit_once(')').context("a process has a name")?;
    let numbers = rest.split_whitespace().skip(11).take(4).map(str::parse);
    let numbers: Vec<u32> = numbers.collect::<Result<_, _>>()?;
    numbers.try_into().ok().context("a process has its times")
}

/// The most memory that a process has held so far, in bytes; nothing once it has ended.
pub(super) fn peak_memory_of(process: u32) -> Option<u64> {
    status(process, "VmHWM:")
}

/// The memory that a process holds now, in bytes.
pub(super) fn memory_of(process: u32) -> Option<u64> {
    status(process, "VmRSS:")
}

fn status(process: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// The process that runs a program with one of its arguments being this.
pub(super) fn find(program: &str, argument: &str) -> Result<u32> {
    let folders = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let is_it = |process: &u32| {
        let Ok(line) = fs::read(format!("/proc/{process}/cmdline")) else { return false };
        let mut words = line.split(|byte| *byte == 0);
        words.next().is_some_and(|first| first.ends_with(program.as_bytes()))
            && words.any(|word| word == argument.as_bytes())
    };
    let mut folders = folders;
    folders.find(is_it).with_context(|| format!("no {program} runs with {argument}"))
}
