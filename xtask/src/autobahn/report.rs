//! The suite's report of one group, judged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Group;
use crate::tally::Tally;

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

/// Counts the cases of the report in `folder`; prints those that failed.
pub(super) fn read(folder: &Path, group: Group) -> Result<Tally> {
    let file = folder.join("index.json");
    let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let index = serde_json::from_str(&text).with_context(|| format!("read {}", file.display()))?;
    Ok(judge(&index, group))
}

fn judge(index: &Index, group: Group) -> Tally {
    let mut tally = Tally::default();
    for (case, verdict) in index.values().flatten() {
        if verdict.passed() {
            tally.passed += 1;
        } else {
            tally.failed += 1;
            let Verdict { behavior, behavior_close } = verdict;
            println!("   case {case}: {behavior}, close {behavior_close}");
        }
    }
    let reported = tally.passed + tally.failed;
    if reported != group.cases {
        println!("   group {}: {reported} of {} cases reported", group.number, group.cases);
        tally.failed += 1;
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: Group = Group { number: 1, cases: 2, about: "", quick: true };

    fn judged(verdicts: [(&str, &str); 2], group: Group) -> (u64, u64) {
        let [first, second] = verdicts.map(|(behavior, close)| {
            format!(r#"{{"behavior":"{behavior}","behaviorClose":"{close}","duration":1}}"#)
        });
        let json = format!(r#"{{"agent":{{"1.1":{first},"1.2":{second}}}}}"#);
        let Tally { passed, failed, .. } = judge(&serde_json::from_str(&json).unwrap(), group);
        (passed, failed)
    }

    #[test]
    fn what_counts_as_passed() {
        let ok = ("OK", "OK");
        let cases = [
            (ok, (2, 0)),
            (("NON-STRICT", "INFORMATIONAL"), (2, 0)),
            (("FAILED", "OK"), (1, 1)),
            (("ERROR", "OK"), (1, 1)),
            (("OK", "UNCLEAN"), (1, 1)),
            (("OK", "WRONG CODE"), (1, 1)),
            (("OK", "FAILED BY CLIENT"), (1, 1)),
            (("UNIMPLEMENTED", "OK"), (1, 1)),
        ];
        for (verdict, expected) in cases {
            assert_eq!(judged([ok, verdict], GROUP), expected, "{verdict:?}");
        }
    }

    #[test]
    fn a_missing_case_is_a_failure() {
        let three = Group { cases: 3, ..GROUP };
        assert_eq!(judged([("OK", "OK"); 2], three), (2, 1));
    }
}
