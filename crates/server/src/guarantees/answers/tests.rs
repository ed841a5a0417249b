use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type ByNumber = Answers<u8, u64, Vec<u8>>;
type ByTime = Answers<u8, [u64; 2], Vec<u8>>;

const AGE_MAX: u64 = 100;

fn bounds() -> Bounds {
    Bounds {
        answers_max: 4,
        answer_bytes_max: 1_000,
        age_max: Duration::from_secs(AGE_MAX),
        owners_max: 5,
        bytes_max: 2_500,
    }
}

fn answer(bytes: usize) -> RawArgs {
    RawArgs::new(&"x".repeat(bytes), &[])
}

/// Owners 0 and 1 are one session's, and so on.
fn session(owner: u8) -> SessionId {
    SessionId::new([0; 3], [owner / 2; 12])
}

fn by(owner: u8) -> Option<(SessionId, Group)> {
    Some((session(owner), Group::Unknown))
}

#[derive(Debug, Clone)]
enum Step {
    Begin { owner: u8, key: u64, wanted: u64 },
    Finish { owner: u8, key: u64, bytes: usize },
    GiveUp { owner: u8, key: u64 },
    Wait(u64),
    ForgetOld,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (owner, key) = (|| 0..8u8, || 1..9u64);
    let step = prop_oneof![
        6 => (owner(), key(), 1..4u64)
            .prop_map(|(owner, key, wanted)| Step::Begin { owner, key, wanted }),
        6 => (owner(), key(), 0..700usize)
            .prop_map(|(owner, key, bytes)| Step::Finish { owner, key, bytes }),
        1 => (owner(), key()).prop_map(|(owner, key)| Step::GiveUp { owner, key }),
        1 => (0..2 * AGE_MAX).prop_map(Step::Wait),
        1 => Just(Step::ForgetOld),
    ];
    proptest::collection::vec(step, 1..300)
}

/// A naive model of what is remembered, by time.
#[derive(Default)]
struct Model {
    /// Owner, key, time and bytes; the oldest first.
    answers: Vec<(u8, u64, Instant, usize)>,
    underway: BTreeSet<(u8, u64)>,
}

impl Model {
    fn known(&mut self, now: Instant, owner: u8, key: u64) -> Known<()> {
        self.forget_old(now);
        if let Some(it) = self.answers.iter().find(|it| (it.0, it.1) == (owner, key)) {
            return Known::Answered(answer(it.3));
        }
        if self.underway.insert((owner, key)) { Known::New } else { Known::Underway(()) }
    }

    fn forget_old(&mut self, now: Instant) {
        self.answers.retain(|it| now - it.2 < Duration::from_secs(AGE_MAX));
    }

    fn bytes(answers: &[(u8, u64, Instant, usize)]) -> usize {
        answers.iter().map(|it| bytes::<[u64; 2]>(&answer(it.3))).sum()
    }

    fn of(&self, is_it: impl Fn(u8) -> bool) -> Vec<(u8, u64, Instant, usize)> {
        self.answers.iter().copied().filter(|it| is_it(it.0)).collect()
    }

    /// The owners that have answers, by the time of their newest.
    fn owners(&self) -> Vec<u8> {
        let mut owners = Vec::new();
        for (owner, ..) in self.answers.iter().rev() {
            if !owners.contains(owner) {
                owners.insert(0, *owner);
            }
        }
        owners
    }

    fn finish(&mut self, now: Instant, owner: u8, key: u64, answer_bytes: usize) {
        if !self.underway.remove(&(owner, key)) {
            return;
        }
        self.answers.push((owner, key, now, answer_bytes));
        loop {
            let of_owner = self.of(|it| it == owner);
            let is_much = of_owner.len() > bounds().answers_max
                || of_owner.len() > 1 && Self::bytes(&of_owner) > bounds().answer_bytes_max;
            if !is_much {
                break;
            }
            self.answers.retain(|it| (it.0, it.1) != (owner, of_owner[0].1));
        }
        while let Some(loser) = self.loser() {
            self.answers.retain(|it| it.0 != loser);
        }
    }

    /// The owner that is forgotten next: the oldest of the session that has the most.
    fn loser(&self) -> Option<u8> {
        let owners = self.owners();
        let is_many = owners.len() > bounds().owners_max;
        if owners.len() < 2 || !is_many && Self::bytes(&self.answers) <= bounds().bytes_max {
            return None;
        }
        let amount = |owner: u8| match is_many {
            true => owners.iter().filter(|it| session(**it) == session(owner)).count(),
            false => Self::bytes(&self.of(|it| session(it) == session(owner))),
        };
        let most = owners.iter().map(|owner| amount(*owner)).max()?;
        owners.iter().copied().find(|owner| amount(*owner) == most)
    }
}

proptest! {
    #[test]
    fn by_time_it_remembers_what_a_naive_model_does(steps in steps()) {
        let (mut answers, mut model) = (ByTime::new(bounds()), Model::default());
        let mut now = Instant::now();
        for step in steps {
            match step {
                Step::Begin { owner, key, .. } => {
                    let known = answers.begin(now, (&owner, [key, 0]), 0, |_| {}, |_| {});
                    prop_assert_eq!(known, model.known(now, owner, key));
                }
                Step::Finish { owner, key, bytes } => {
                    let by = by(owner);
                    answers.finish(now, (&owner, [key, 0]), &answer(bytes), by.as_ref());
                    model.finish(now, owner, key, bytes);
                }
                Step::GiveUp { owner, key } => {
                    let was_underway = answers.give_up((&owner, [key, 0])).is_some();
                    prop_assert_eq!(was_underway, model.underway.remove(&(owner, key)));
                }
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
                Step::ForgetOld => {
                    answers.forget_old(now);
                    model.forget_old(now);
                }
            }
            let of_owner = |(id, it): (&u8, &Owner<_, _>)| (it.answered > 0).then_some((*id, it.bytes));
            let owners: BTreeMap<_, _> = answers.owners.iter().filter_map(of_owner).collect();
            let expected = model.owners().into_iter();
            let expected = expected.map(|owner| (owner, Model::bytes(&model.of(|it| it == owner))));
            prop_assert_eq!(owners, expected.collect());
        }
        // When the last is answered, nothing is left after a while.
        for (owner, key) in std::mem::take(&mut model.underway) {
            answers.give_up((&owner, [key, 0]));
        }
        while let Some(next) = answers.forget_old(now) {
            prop_assert!(next > now);
            now = next;
        }
        prop_assert!(answers.owners.is_empty() && answers.due.is_empty());
    }

    /// In any order of events, an answered one gets the same answer again or is forgotten; it is
    /// never new while its owner is in use.
    #[test]
    fn by_number_nothing_is_handled_twice(steps in steps()) {
        let mut answers = ByNumber::new(Bounds { owners_max: 100, bytes_max: usize::MAX, ..bounds() });
        // Of each owner: what was answered, with the length of the answer, and the last use.
        let mut handled: BTreeMap<(u8, u64), usize> = BTreeMap::new();
        let mut used: BTreeMap<u8, Instant> = BTreeMap::new();
        let mut begun: BTreeMap<u8, u64> = BTreeMap::new();
        let mut now = Instant::now();
        for step in steps {
            match step {
                Step::Begin { owner, key, wanted } => {
                    answers.forget_old(now);
                    if !answers.owners.contains_key(&owner) {
                        let last = used.get(&owner);
                        prop_assert!(last.is_none_or(|last| now - *last >= bounds().age_max));
                        handled.retain(|(of, _), _| *of != owner);
                    }
                    let touch = |shares: &mut SharesByOwner<_>| shares.touch(&owner, &session(owner), || Group::Unknown);
                    let wanted = wanted.min(key);
                    match answers.begin(now, (&owner, key), wanted, touch, |_| {}) {
                        Known::New => prop_assert!(!handled.contains_key(&(owner, key)), "{} twice", key),
                        Known::Answered(args) => {
                            prop_assert_eq!(handled.get(&(owner, key)), Some(&args.json().len()));
                        }
                        Known::Underway(()) => prop_assert!(!handled.contains_key(&(owner, key))),
                        // It was answered, or more was under way than may be.
                        Known::Forgotten => {
                            prop_assert!(begun.get(&owner).is_some_and(|highest| key <= *highest));
                        }
                    }
                    used.insert(owner, now);
                    let highest = begun.entry(owner).or_default();
                    *highest = key.max(*highest);
                }
                Step::Finish { owner, key, bytes } => {
                    if answers.finish(now, (&owner, key), &answer(bytes), None).is_some() {
                        handled.insert((owner, key), bytes);
                        used.insert(owner, now);
                        let of_owner = &answers.owners[&owner];
                        prop_assert!(of_owner.answered == 1 || of_owner.bytes <= bounds().answer_bytes_max);
                    }
                }
                Step::GiveUp { owner, key } => drop(answers.give_up((&owner, key))),
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
                Step::ForgetOld => drop(answers.forget_old(now)),
            }
        }
    }
}

/// Begins an event of owner 0.
fn in_order(answers: &mut ByNumber, now: Instant, number: u64, wanted: u64) -> Known<()> {
    let touch = |shares: &mut SharesByOwner<_>| shares.touch(&0, &session(0), || Group::Unknown);
    answers.begin(now, (&0, number), wanted, touch, |_| {})
}

#[test]
fn an_answer_is_remembered_until_it_is_as_old_as_it_may_be() {
    let (mut answers, now) = (ByNumber::new(bounds()), Instant::now());
    let after = |seconds| now + Duration::from_secs(seconds);
    assert_eq!(in_order(&mut answers, now, 1, 1), Known::New);
    answers.finish(after(10), (&0, 1), &answer(1), None);
    assert_eq!(in_order(&mut answers, after(9 + AGE_MAX), 1, 1), Known::Answered(answer(1)));
    assert_eq!(in_order(&mut answers, after(10 + AGE_MAX), 1, 1), Known::Forgotten);
    // Its owner is kept as long after its last use.
    assert_eq!(in_order(&mut answers, after(9 + 2 * AGE_MAX), 1, 1), Known::Forgotten);
    assert_eq!(in_order(&mut answers, after(9 + 3 * AGE_MAX), 1, 1), Known::New);
}

#[test]
fn the_newest_answer_stays_whatever_its_size() {
    let (mut answers, now) = (ByNumber::new(bounds()), Instant::now());
    in_order(&mut answers, now, 1, 1);
    answers.finish(now, (&0, 1), &answer(9_000), None);
    // It was forgotten as soon as the next event began.
    assert_eq!(in_order(&mut answers, now, 2, 1), Known::New);
    assert_eq!(in_order(&mut answers, now, 1, 1), Known::Answered(answer(9_000)));
    answers.finish(now, (&0, 2), &answer(1), None);
    assert_eq!(in_order(&mut answers, now, 1, 1), Known::Forgotten);
    assert_eq!(in_order(&mut answers, now, 2, 1), Known::Answered(answer(1)));
}

#[test]
fn as_many_are_under_way_as_may_be_remembered() {
    let (mut answers, now) = (ByNumber::new(bounds()), Instant::now());
    for number in 1..=5 {
        assert_eq!(in_order(&mut answers, now, number, 1), Known::New);
    }
    assert_eq!(answers.finish(now, (&0, 1), &answer(1), None), None, "the lowest is forgotten");
    assert_eq!(in_order(&mut answers, now, 1, 1), Known::Forgotten);
    assert_eq!(answers.finish(now, (&0, 2), &answer(1), None), Some(Vec::new()));
}

#[test]
fn what_waits_is_given_back_once() {
    let (mut answers, now) = (ByTime::new(bounds()), Instant::now());
    let mut repeat = |waits: Option<u8>| {
        answers.begin(now, (&0, [1, 0]), 0, |_| {}, |waiting| waiting.extend(waits))
    };
    assert_eq!(repeat(None), Known::New);
    assert_eq!([repeat(Some(7)), repeat(Some(8))], [Known::Underway(()), Known::Underway(())]);
    let mut finish = || answers.finish(now, (&0, [1, 0]), &answer(1), by(0).as_ref());
    assert_eq!([finish(), finish()], [Some(vec![7, 8]), None]);
}

#[test]
fn handlings_that_are_dropped_give_up() {
    let answers: SharedAnswers<u8, u64, Vec<u8>> = Arc::new(Mutex::new(ByNumber::new(bounds())));
    let now = Instant::now();
    for is_answered in [false, true] {
        assert_eq!(in_order(&mut answers.lock(), now, 1, 1), Known::New);
        let handling = Handling { answers: Arc::clone(&answers), owner: 0, key: 1, by: None };
        if is_answered {
            handling.finish(&answer(1));
            handling.finish(&answer(2));
        }
    }
    assert_eq!(in_order(&mut answers.lock(), Instant::now(), 1, 1), Known::Answered(answer(1)));
}
/// Bytes that are of no answer are detected at the next change.
#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "so are bytes")]
fn bytes_that_are_no_answers_are_found() {
    let (mut answers, now) = (ByNumber::new(bounds()), Instant::now());
    in_order(&mut answers, now, 1, 1);
    answers.owners.get_mut(&0).unwrap().bytes += 1;
    in_order(&mut answers, now, 2, 1);
}
