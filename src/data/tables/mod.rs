//! The table: writers and readers of our own, the follower of every write, the last scan.

mod follow;
mod item;
mod read;
mod scan;
mod write;

pub use follow::Follower;
pub use read::read;
pub use scan::{Scan, scan};
pub use write::{Writer, script, write};
