//! Changes to Git that people ask for in a case's name, through the user's door: the binary.

mod given;
mod ignore;
