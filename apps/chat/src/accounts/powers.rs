//! What is done to accounts: by their own people, by administrators and by the command line.

use super::contract::{Person, Role};
use super::passwords;
use super::store::{Begun, Changed, Made, NewLooks, NewPerson, NewSession, Right};
use super::{Accounts, hue_of};
use crate::id::new_id;
use crate::input::Nickname;
use crate::refusal::Refused;

impl Accounts {
    /// Makes an account, by an administrator's power.
    ///
    /// # Errors
    /// The name or the password is none, or the name is taken; or nothing could be stored.
    pub(crate) async fn create(
        &self,
        name: &str,
        password: &str,
        role: Role,
    ) -> Result<Person, Refused> {
        if role == Role::Guest {
            return Err(Refused::BadRequest("a guest has no account".to_owned()));
        }
        let new = self.new_account(name, password, None).await?;
        let (person, _) = self.make(NewPerson { role, ..new }, Right::Power, None).await?;
        Ok(person)
    }

    /// Somebody who is to have an account, with what is kept of the password.
    pub(crate) async fn new_account(
        &self,
        name: &str,
        password: &str,
        colour: Option<u16>,
    ) -> Result<NewPerson, Refused> {
        let name = Nickname::parse(name)?;
        passwords::check(password)?;
        let colour = checked_hue(colour)?;
        // Before a core works on the password for nothing.
        if self.0.store.is_name_taken(&name.skeleton()).await? {
            return Err(Refused::NameTaken);
        }
        Ok(NewPerson {
            id: new_id(),
            role: Role::Member,
            skeleton: name.skeleton(),
            colour: colour.unwrap_or_else(|| hue_of(name.as_str())),
            name: name.as_str().to_owned(),
            password: Some(self.0.passwords.hash(password).await?),
        })
    }

    /// Makes an account by some right; whoever is out by it is out at once.
    pub(crate) async fn make(
        &self,
        new: NewPerson,
        right: Right,
        session: Option<NewSession>,
    ) -> Result<(Person, Begun), Refused> {
        let no_right = match right {
            Right::Invited { .. } => Refused::InvitationOver,
            Right::First | Right::Power => Refused::NotThere,
        };
        match self.0.store.create_account(new, right, session).await? {
            Made::Done { person, begun } => {
                if person.role == Role::Owner {
                    *self.0.setup.lock() = None;
                }
                self.cut(&begun.ended);
                Ok((person, begun))
            }
            Made::NameTaken => Err(Refused::NameTaken),
            Made::NoRight => Err(no_right),
            Made::NoAccount => Err(Refused::InvitationNoAccount),
        }
    }

    /// An account may do something else than before, which is stored.
    pub(crate) async fn role_changed(&self, person: &Person) {
        if person.role == Role::Owner {
            *self.0.setup.lock() = None;
        }
        self.told(person).await;
    }

    /// Closes an account, or a guest's, and all its sockets.
    ///
    /// # Errors
    /// There is nobody: `gone`. It is the last owner. Or nothing could be stored.
    pub(crate) async fn close(&self, person: &str) -> Result<Person, Refused> {
        self.done(self.0.store.close_person(person).await?)
    }

    /// Changes how somebody is seen.
    ///
    /// # Errors
    /// The name is taken, or there is nobody; or nothing could be stored.
    pub(crate) async fn change_looks(
        &self,
        person: &str,
        looks: NewLooks,
    ) -> Result<Person, Refused> {
        let person = self.done(self.0.store.change_looks(person, looks).await?)?;
        self.told(&person).await;
        Ok(person)
    }

    fn done(&self, changed: Changed) -> Result<Person, Refused> {
        match changed {
            Changed::Done(person, ended) => {
                self.cut(&ended);
                Ok(person)
            }
            Changed::NameTaken => Err(Refused::NameTaken),
            Changed::LastOwner => Err(Refused::LastOwner),
            Changed::Gone => Err(Refused::NotThere),
        }
    }

    /// Everybody, and the person's own pages, are told.
    async fn told(&self, person: &Person) {
        self.everybody_hears(person);
        self.tell(person).await;
    }

    /// Everybody is told that somebody is otherwise than before.
    pub(crate) fn everybody_hears(&self, person: &Person) {
        if let Some(io) = self.0.io.get() {
            self.changed(io, person);
        }
    }
}

/// A hue is 0 to 359.
pub(crate) fn checked_hue(hue: Option<u16>) -> Result<Option<u16>, Refused> {
    match hue {
        Some(360..) => Err(Refused::BadRequest("a colour is a hue, 0 to 359".to_owned())),
        hue => Ok(hue),
    }
}
