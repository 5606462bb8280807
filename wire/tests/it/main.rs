//! wire from the outside: what it promises to those who use it and those who attack it.

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod channel;
#[cfg(test)]
mod connection;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod pair;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
#[path = "../samples/mod.rs"]
mod samples;
#[cfg(test)]
mod streams;
