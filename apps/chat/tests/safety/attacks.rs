//! Attacks, a test each: what strangers try from other sites, by guessing, by crafted requests and by being fast.

mod cross_site;
mod escalation;
mod guessing;
mod hostile;
mod names;
#[cfg(target_os = "linux")]
mod pictures;
mod races;
mod sessions;
