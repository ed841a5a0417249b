//! The values an application keeps with a socket, one of each type.

use std::any::{Any, TypeId};
use std::sync::Arc;

/// The values, by type. Most sockets have none or one: a list without allocation when empty.
#[derive(Clone, Default)]
pub(crate) struct SocketData(Vec<(TypeId, Arc<dyn Any + Send + Sync>)>);

impl SocketData {
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let wanted = TypeId::of::<T>();
        let (_, value) = self.0.iter().find(|(kind, _)| *kind == wanted)?;
        Arc::clone(value).downcast().ok()
    }

    /// Replaces the value of this type.
    pub(crate) fn set<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.retain(|(kind, _)| *kind != TypeId::of::<T>());
        self.0.push((TypeId::of::<T>(), Arc::new(value)));
    }

    /// Adds the values of types that it does not have.
    pub(crate) fn fill_from(&mut self, others: SocketData) {
        for (kind, value) in others.0 {
            if self.0.iter().all(|(own, _)| *own != kind) {
                self.0.push((kind, value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_of_each_type() {
        let mut data = SocketData::default();
        data.set(1_u8);
        data.set("text");
        data.set(2_u8);
        assert_eq!(data.get::<u8>().as_deref(), Some(&2));
        assert_eq!(data.get::<&str>().as_deref(), Some(&"text"));
        assert_eq!(data.get::<u16>(), None);
        let mut others = SocketData::default();
        others.set(3_u8);
        others.set(4_u16);
        data.fill_from(others);
        assert_eq!(data.get::<u8>().as_deref(), Some(&2), "its own stays");
        assert_eq!(data.get::<u16>().as_deref(), Some(&4));
    }
}
