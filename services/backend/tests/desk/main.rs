//! From a wish to what was done on the platform, in both sizes.

#[cfg(test)]
mod federations;
#[cfg(test)]
mod hands;
#[cfg(test)]
mod house;
#[cfg(test)]
mod remember;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod square;
#[cfg(test)]
mod wishes;
