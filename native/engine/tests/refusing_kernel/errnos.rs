//! What system calls may say when they fail, by what they are for: the manual page of each, and what its drivers add.

pub const READING_AN_INTERFACE: &[i32] = &[
    libc::EAGAIN,
    libc::EINTR,
    libc::EIO,
    libc::ENOBUFS,
    libc::ENOMEM,
];
pub const WRITING_AN_INTERFACE: &[i32] = &[
    libc::EAGAIN,
    libc::EINTR,
    libc::EINVAL,
    libc::EIO,
    libc::ENOBUFS,
    libc::ENOMEM,
    libc::EPERM,
];
pub const WAITING: &[i32] = &[libc::EAGAIN, libc::EINTR, libc::ENOMEM];
pub const HEARING_A_BELL: &[i32] = &[libc::EAGAIN, libc::EIO];
pub const RINGING_A_BELL: &[i32] = &[libc::EAGAIN, libc::EIO, libc::ENOSPC];
pub const LETTING_CALLERS_IN: &[i32] =
    &[libc::ECONNABORTED, libc::EMFILE, libc::ENFILE, libc::ENOMEM];
pub const MAKING_A_SOCKET: &[i32] = &[
    libc::EACCES,
    libc::EMFILE,
    libc::ENFILE,
    libc::ENOBUFS,
    libc::ENOMEM,
];
pub const TAKING_A_PORT: &[i32] = &[
    libc::EACCES,
    libc::EADDRINUSE,
    libc::EADDRNOTAVAIL,
    libc::ENOMEM,
];
pub const WRITING_A_FILE: &[i32] = &[libc::EDQUOT, libc::EINTR, libc::EIO, libc::ENOSPC];
