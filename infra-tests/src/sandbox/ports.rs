//! Free ports on loopback, taken from below the range that outgoing connections use.
//!
//! A port asked of the kernel (`bind` to 0) may be given to someone's outgoing connection before the
//! server that should listen there has started; below that range nobody takes it by accident.
//! Processes that run side by side begin at different places.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

use anyhow::{Result, bail};

const FIRST: u16 = 10_000;
const LAST: u16 = 32_000;

static NEXT: Mutex<Option<u16>> = Mutex::new(None);

/// A port that nobody listens on, never given out twice by this process until all were given out.
pub(super) fn free() -> Result<u16> {
    free_run(1)
}

/// The first of `count` free ports in a row.
pub(super) fn free_run(count: u16) -> Result<u16> {
    let mut next = NEXT.lock().expect("no holder of this lock panics");
    let mut candidate = next.unwrap_or_else(start);
    for _ in FIRST..LAST {
        if candidate >= LAST - count {
            candidate = FIRST;
        }
        if (candidate..candidate + count).all(is_free) {
            *next = Some(candidate + count);
            return Ok(candidate);
        }
        candidate += 1;
    }
    bail!("no {count} free ports in a row between {FIRST} and {LAST}")
}

fn start() -> u16 {
    let spread = std::process::id().wrapping_mul(97) % u32::from(LAST - FIRST);
    FIRST + u16::try_from(spread).expect("less than the range of ports")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_not_given_out_twice_and_a_taken_one_never() {
        let first = free().unwrap();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first + 1)).ok();
        assert_ne!(free().unwrap(), first);
        assert_ne!(free().unwrap(), first + 1);
    }
}
