//! The suite's report of one group, judged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// `index.json`: agent, case, verdict. The agent is what the suite takes the peer to be.
type Index = BTreeMap<String, BTreeMap<String, Verdict>>;

/// How a case ended.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    behavior: String,
    behavior_close: String,
}

impl Verdict {
    /// What the suite itself takes as conforming: it may be about something that the RFC leaves
    /// open, or differ from a SHOULD.
    fn passed(&self) -> bool {
        [&self.behavior, &self.behavior_close]
            .into_iter()
            .all(|verdict| matches!(verdict.as_str(), "OK" | "NON-STRICT" | "INFORMATIONAL"))
    }
}

/// How the cases of a report ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdicts {
    pub(super) passed: u64,
    /// Their numbers.
    pub(super) failed: Vec<String>,
}

/// Reads the report in `folder`; prints the cases that failed.
pub(super) fn read(folder: &Path) -> Result<Verdicts> {
    let file = folder.join("index.json");
    let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let index = serde_json::from_str(&text).with_context(|| format!("read {}", file.display()))?;
    Ok(judge(index))
}

fn judge(index: Index) -> Verdicts {
    let mut verdicts = Verdicts::default();
    for (case, verdict) in index.into_values().flatten() {
        if verdict.passed() {
            verdicts.passed += 1;
        } else {
            let Verdict { behavior, behavior_close } = verdict;
            println!("   case {case}: {behavior}, close {behavior_close}");
            verdicts.failed.push(case);
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(verdicts: [(&str, &str); 2]) -> (u64, Vec<String>) {
        let [first, second] = verdicts.map(|(behavior, close)| {
            format!(r#"{{"behavior":"{behavior}","behaviorClose":"{close}","duration":1}}"#)
        });
        let json = format!(r#"{{"agent":{{"1.1":{first},"1.2":{second}}}}}"#);
        let Verdicts { passed, failed } = judge(serde_json::from_str(&json).unwrap());
        (passed, failed)
    }

    #[test]
    fn what_counts_as_passed() {
        let ok = ("OK", "OK");
        for verdict in [ok, ("NON-STRICT", "INFORMATIONAL")] {
            assert_eq!(judged([ok, verdict]), (2, vec![]), "{verdict:?}");
        }
        for verdict in [
            ("FAILED", "OK"),
            ("ERROR", "OK"),
            ("OK", "UNCLEAN"),
            ("OK", "WRONG CODE"),
            ("OK", "FAILED BY CLIENT"),
            ("UNIMPLEMENTED", "OK"),
        ] {
            assert_eq!(judged([ok, verdict]), (1, vec!["1.2".to_owned()]), "{verdict:?}");
        }
    }
}
