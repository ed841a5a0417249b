//! Postponing events that are sent while another event is being sent.
//!
//! An observer of the engine is called with every packet where it is queued, and may send. Under a
//! log's lock that would deadlock, and an event amid the delivery of another has no offset that is
//! right for everybody. So it is put off until the lock is free.

use std::cell::RefCell;
use std::collections::VecDeque;

type Job = Box<dyn FnOnce()>;

thread_local! {
    /// The jobs that were put off; `None` while this thread holds no log's lock.
    static PUT_OFF: RefCell<Option<VecDeque<Job>>> = const { RefCell::new(None) };
}

/// Runs `f`, which takes and releases a log's lock, and then the jobs put off meanwhile.
pub(super) fn section<R>(f: impl FnOnce() -> R) -> R {
    debug_assert!(!is_inside(), "a log's lock is taken under another's");
    PUT_OFF.set(Some(VecDeque::new()));
    let section = Section;
    let result = f();
    let jobs = PUT_OFF.take();
    drop(section);
    jobs.into_iter().flatten().for_each(|job| job());
    result
}

/// Whether this thread holds a log's lock, so that sending has to be [put off](put_off).
pub(crate) fn is_inside() -> bool {
    PUT_OFF.with_borrow(Option::is_some)
}

/// Puts a job off until this thread's section ends.
pub(crate) fn put_off(job: impl FnOnce() + 'static) {
    PUT_OFF.with_borrow_mut(|jobs| jobs.get_or_insert_default().push_back(Box::new(job)));
}

/// The guard of a section, which ends when it is dropped, also when an observer panics.
struct Section;

impl Drop for Section {
    fn drop(&mut self) {
        PUT_OFF.set(None);
    }
}
