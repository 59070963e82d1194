//! What Telegram sends, read so that no text is lost.
//!
//! Nothing here fails because a part of a message has a shape that nobody knows: what is understood is taken out of its
//! [`Record`], and whatever is left is named in `unparsed`, its texts among the surfaces. So a new kind of message, or one
//! that was made to confuse a parser, is judged like any other.
//!
//! To read a new kind of update: an arm in `update.rs`. To read a new member of a message: `message.rs`; until then its
//! texts are found all the same.

mod media;
mod member;
mod message;
mod record;
mod texts;
mod update;
mod who;

#[cfg(test)]
mod shapes;
#[cfg(test)]
mod tests;

pub(crate) use member::rights_of;
pub(crate) use record::Record;
pub(crate) use update::{Private, Read, Told, read};
