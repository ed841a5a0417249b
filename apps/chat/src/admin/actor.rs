//! Who administers, and what they may do.

use super::store::{Deed, Denied};
use crate::accounts::contract::{Person, Role};
use crate::input::Nickname;

/// What the command line is called in the audit log.
const COMMAND_LINE: &str = "command line";

/// Whoever uses a right that others have not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Whoever may read and write the data folder; may do what an owner may.
    CommandLine,
    /// Somebody with an account.
    Person(Person),
}

impl Actor {
    /// What they are called in the audit log. Nobody passes for the command line by a name that looks like it.
    pub fn name(&self) -> String {
        match self {
            Actor::CommandLine => COMMAND_LINE.to_owned(),
            Actor::Person(person) => {
                let looks = |name: &str| Nickname::parse(name).map(|name| name.skeleton()).ok();
                match looks(&person.name) == looks(COMMAND_LINE) {
                    true => format!("{} ({})", person.name, person.id),
                    false => person.name.clone(),
                }
            }
        }
    }

    /// The person's id.
    pub fn id(&self) -> Option<&str> {
        match self {
            Actor::CommandLine => None,
            Actor::Person(person) => Some(&person.id),
        }
    }

    /// What they may do, as far as they know.
    pub fn role(&self) -> Role {
        match self {
            Actor::CommandLine => Role::Owner,
            Actor::Person(person) => person.role,
        }
    }
}

impl Deed {
    /// Whether somebody of a role may do it to somebody of another one; `about` is `None` where it is about nobody.
    ///
    /// # Errors
    /// [`Denied::Forbidden`].
    pub fn check(&self, by: Role, about: Option<Role>) -> Result<(), Denied> {
        let is_guest = about == Some(Role::Guest);
        let may = match self {
            // Guests have no password, and are told apart by nothing that a role could stay with.
            Deed::ChangeRole { role, .. } => by == Role::Owner && *role != Role::Guest && !is_guest,
            Deed::Reset { .. } => by == Role::Owner && !is_guest,
            Deed::EndSessions { .. } => {
                by == Role::Owner || by == Role::Moderator && about.is_some_and(|role| role < by)
            }
            Deed::Close { .. } => by == Role::Owner || by == Role::Moderator && is_guest,
            Deed::DeleteRoom { .. } => by >= Role::Moderator,
            Deed::Guests { .. } => by == Role::Owner,
        };
        may.then_some(()).ok_or(Denied::Forbidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Actor {
        Actor::Person(Person {
            id: "id".to_owned(),
            name: name.to_owned(),
            role: Role::Member,
            colour: 0,
            picture: None,
        })
    }

    #[test]
    fn nobody_passes_for_the_command_line() {
        assert_eq!(Actor::CommandLine.name(), "command line");
        assert_eq!(person("Ada").name(), "Ada");
        for name in ["command line", "c\u{43e}mmand line"] {
            assert_eq!(person(name).name(), format!("{name} (id)"));
        }
    }

    #[test]
    fn who_may_do_what_to_whom() {
        use Role::{Guest, Member, Moderator, Owner};
        let all = [Guest, Member, Moderator, Owner];
        let person = String::new;
        let may = |deed: &Deed| -> Vec<(Role, Role)> {
            let pairs = all.iter().flat_map(|by| all.iter().map(move |about| (*by, *about)));
            pairs.filter(|(by, about)| deed.check(*by, Some(*about)).is_ok()).collect()
        };
        let accounts = [(Owner, Member), (Owner, Moderator), (Owner, Owner)];
        for role in [Member, Moderator, Owner] {
            assert_eq!(may(&Deed::ChangeRole { person: person(), role }), accounts);
        }
        assert_eq!(may(&Deed::ChangeRole { person: person(), role: Guest }), []);
        let secret = crate::id::Secret::new().digest();
        assert_eq!(may(&Deed::Reset { person: person(), secret, lifetime: 1 }), accounts);
        let everybody = [(Owner, Guest), (Owner, Member), (Owner, Moderator), (Owner, Owner)];
        let below = [&[(Moderator, Guest), (Moderator, Member)], &everybody[..]].concat();
        assert_eq!(may(&Deed::EndSessions { person: person() }), below);
        let guests = [&[(Moderator, Guest)], &everybody[..]].concat();
        assert_eq!(may(&Deed::Close { person: person() }), guests);
        for by in all {
            let room = Deed::DeleteRoom { room: String::new() };
            assert_eq!(room.check(by, None).is_ok(), by >= Moderator);
            let guests = Deed::Guests { are_let_in: true };
            assert_eq!(guests.check(by, None).is_ok(), by == Owner);
        }
    }
}
