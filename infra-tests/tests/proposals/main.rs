//! Changes to Git that people ask for in a case's name, through the user's door: the binary.

mod adopt;
mod gitea;
mod given;
mod ignore;
mod press;
mod rendered;
