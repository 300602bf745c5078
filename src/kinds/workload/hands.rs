//! Work on many things, shared among the processors.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does it for each of them, by whoever is free. What comes of them stands in their order.
///
/// `helpings` is how many times over all of it is worth a thread: less is done sooner than a thread is there to help.
pub(super) fn for_each<T: Sync, R: Send>(things: &[T], helpings: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(things.len()).min(helpings);
    if threads < 2 {
        return things.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mine = std::iter::from_fn(|| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            things.get(at).map(|thing| (at, work(thing)))
        });
        mine.collect::<Vec<_>>()
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        done.extend(helpers.into_iter().flat_map(|one| one.join().expect("what is shared does not panic")));
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_did_stands_in_its_order() {
        let things: Vec<usize> = (0..1000).collect();
        for helpings in [0, 1, 2, 100] {
            assert!(for_each(&things, helpings, |thing| thing * 2).into_iter().eq((0..1000).map(|at| at * 2)));
        }
        assert!(for_each(&Vec::<usize>::new(), 8, |thing| *thing).is_empty());
    }
}
