//! The binary as its users meet it: commands, exit codes, output.

mod bad_input;
mod crashes;
mod doctor;
mod emulator;
mod engines;
mod exactly_once;
mod formats;
mod maintenance;
mod read_only;
mod requests;
mod retention;
mod same_log;
mod serve;
mod settings;
mod stagelight;
mod structure;
mod watch;
