//! Records of graphs that are gone: `records` removes them, `space` gives their room back, `emptied` remembers of which
//! graphs that is still to do.

pub(super) mod emptied;
pub(super) mod records;
pub(super) mod space;
